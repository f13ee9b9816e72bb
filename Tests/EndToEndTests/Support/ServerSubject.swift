// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Configuration
import EnvelopeModel
import MessageFormats
import NIOCore
import XMLStream
import XMPPAdapter

/// The XMPP adapter at a real server, as the harness wants it. All subjects of a run share the server, one after the
/// other; a cut link is a server that was killed.
final class ServerSubject<Server: XMPPServer>: Subject {
    /// What the harness calls everybody else.
    static var foreignDomain: String { "far.example" }

    let domains: [Domain]
    let knownUser: Address
    let unknownUser: Address
    let refusingUser: (address: Address, code: OutcomeCode)?
    private(set) var received: [ServiceMessage] = []
    private(set) var bounces: [ServiceBounce] = []
    let limitations: [Ability: String] = [
        .staysSilent: "a server answers the ping behind a message, whatever becomes of the message",
        .knowsItsUsers: "a server says service-unavailable of who is away and of who does not exist (RFC 6121 §8.5.2)",
    ]
    let server: Server
    private let form: XMPPSettings.Form
    let eventLoop: any EventLoop
    var client: LoopClient?
    var news: [PresenceNews] = []
    /// What each device of the known user says, and the client of each but the first.
    var statuses: [String: String] = [:]
    var devices: [String: LoopClient] = [:]
    let presenceBurst = 40

    init(_ server: Server, form: XMPPSettings.Form, on eventLoop: any EventLoop) throws {
        guard let domain = Domain(server.domain), let alice = Address("alice@\(domain)"),
            let carol = Address("carol@\(domain)"), let nobody = Address("nobody@\(domain)")
        else { throw HarnessError("\(server.domain) is no domain") }
        domains = [domain]
        knownUser = alice
        unknownUser = nobody
        // Carol has an account and is never there, and the test servers keep nothing for later.
        refusingUser = (carol, .unavailable)
        self.server = server
        self.form = form
        self.eventLoop = eventLoop
    }

    func start() async throws {
        if !Ports.answers(server.clientPort) { try await server.start() }
        try await logIn()
    }

    func stop() async {
        client?.close()
        client = nil
        for device in devices.values { device.close() }
        devices = [:]
    }

    func makeAdapter(on host: any AdapterHost) throws -> XMPPAdapter {
        guard let component = Domain(server.componentDomain) else { throw HarnessError("no component domain") }
        var settings = XMPPSettings(
            server: .init(host: "127.0.0.1", port: server.componentPort),
            component: component,
            secret: Secret(componentSecret)
        )
        settings.form = form
        settings.reconnect = .milliseconds(50)
        settings.reconnectMost = .milliseconds(200)
        return XMPPAdapter(settings: settings, host: host, eventLoop: eventLoop)
    }

    func cutLink() { server.stop() }

    func restoreLink() async throws {
        try await server.start()
        try await logIn()
    }

    private func logIn() async throws {
        client?.close()
        let client = LoopClient("alice", at: server, on: eventLoop) { [weak self] in self?.hear($0) }
        client.hearPresence = { [weak self] in self?.hear($0) }
        self.client = client
        try await client.logIn()
        if let status = statuses[Self.firstDevice] { write(status, by: client) }
    }

    // MARK: What alice writes and hears

    func send(_ message: ServiceMessage) { client?.write(stanza(message, from: nil)) }

    /// The known user's client claims the source; what to think of that is for the server.
    func forge(_ message: ServiceMessage) { client?.write(stanza(message, from: "\(message.source)")) }

    private func stanza(_ message: ServiceMessage, from: String?) -> ByteBuffer {
        var stanza = ByteBuffer(string: "<message type='chat'")
        let attributes = [("from", from), ("to", jid(of: message.destination)), ("id", message.nativeID)]
        for case (let key, let value?) in attributes {
            stanza.writeString(" \(key)='")
            stanza.writeXMLValue(value)
            stanza.writeString("'")
        }
        stanza.writeString(">")
        for (element, texts) in [("body", message.texts), ("subject", message.subjects)] {
            for text in texts {
                stanza.writeString("<\(element)" + (text.language.map { " xml:lang='\($0)'" } ?? "") + ">")
                stanza.writeXMLText(text.text)
                stanza.writeString("</\(element)>")
            }
        }
        if let thread = message.thread { stanza.writeString("<thread>\(thread)</thread>") }
        if let state = message.chatState {
            stanza.writeString("<\(state.rawValue) xmlns='http://jabber.org/protocol/chatstates'/>")
        }
        if let replaced = message.replaces {
            stanza.writeString("<replace xmlns='urn:xmpp:message-correct:0' id='\(replaced)'/>")
        }
        if let rich = message.richText {
            HTMLLite.sanitise(ByteBuffer(string: rich)).document.writeXHTMLIM(into: &stanza)
        }
        stanza.writeString("</message>")
        return stanza
    }

    private func hear(_ message: LoopClient.Message) {
        guard let source = address(of: message.from) else { return }
        if let condition = message.condition {
            let code: OutcomeCode = condition == "item-not-found" ? .noSuchUser : .internalError
            bounces.append(ServiceBounce(to: knownUser, about: source, code: code))
            return
        }
        var heard = ServiceMessage(from: source, to: knownUser, "")
        heard.texts = message.bodies.map { LocalizedText($0.text, language: $0.language) }
        heard.subjects = message.subjects.map { LocalizedText($0.text, language: $0.language) }
        heard.thread = message.thread
        heard.chatState = message.chatState
        heard.replaces = message.replaces
        heard.richText = message.html.flatMap { html in
            HTMLLite.reading(xhtmlIM: html).map { String(buffer: $0.document.octets) }
        }
        received.append(heard)
    }

    /// How alice's client names a foreign person.
    func jid(of address: Address) -> String {
        let name = EscapedName.escape(String(buffer: address.localPart)[...])
        guard form == .escaped else { return "\(name)@\(address.domain)" }
        let whole = EscapedName.escape("\(address)", withAtSign: true)
        return "\(whole)@\(server.componentDomain)"
    }

    func address(of jid: String) -> Address? {
        let parts = jid.prefix { $0 != "/" }.split(separator: "@")
        guard parts.count == 2 else { return nil }
        var name = EscapedName.unescape(parts[0])
        var domain = String(parts[1])
        if form == .escaped {
            let whole = EscapedName.unescape(parts[0], withAtSign: true)
            guard let at = whole.lastIndex(of: "@") else { return nil }
            name = String(whole[..<at])
            domain = String(whole[whole.index(after: at)...])
        }
        return Domain(domain).flatMap { Address(localPart: ByteBuffer(string: name), domain: $0) }
    }

    func rendering(of address: Address) -> Address { server is Prosody ? folded(address) : address }

    /// Lines end with LF, for both servers write a lone CR as it is, which is an LF to their clients; what XML cannot
    /// hold is replaced.
    func rendering(of text: String) -> String {
        let lines = text.replacing("\r\n", with: "\n").replacing("\r", with: "\n")
        let scalars = lines.unicodeScalars.map { scalar in
            let value = scalar.value
            let isLegal = value >= 0x20 && value & 0xFFFE != 0xFFFE || [9, 10].contains(value)
            return isLegal ? scalar : "\u{FFFD}"
        }
        return String(String.UnicodeScalarView(scalars))
    }
}

/// How Prosody shows addresses: it folds the case of those that come from a component too (RFC 6122 §5, nodeprep).
/// ejabberd shows them as they came.
private func folded(_ address: Address) -> Address {
    let name = String(buffer: address.localPart).lowercased()
    return Address(localPart: ByteBuffer(string: name), domain: address.domain) ?? address
}

/// A name as clients write it in a JID (XEP-0106 §4), told again so that the adapter is not measured by itself. No
/// address of the network holds a raw `@`, so its escape is part of the name (IMX 4.2.1).
private enum EscapedName {
    private static let codes: [Character: String] = [
        " ": "20", "\"": "22", "&": "26", "'": "27", "/": "2f", ":": "3a", "<": "3c", ">": "3e", "\\": "5c",
    ]
    static func escape(_ name: Substring, withAtSign: Bool = false) -> String {
        var rest = name
        var result = ""
        while let character = rest.popFirst() {
            // A backslash stands for itself unless what follows would be read as a code.
            let isPlain = character == "\\" && plain(rest.prefix(2), withAtSign) == nil
            if withAtSign, character == "@" {
                result += "\\40"
            } else if let code = codes[character], !isPlain {
                result += "\\\(code)"
            } else {
                result.append(character)
            }
        }
        return result
    }

    static func unescape(_ name: Substring, withAtSign: Bool = false) -> String {
        var rest = name
        var result = ""
        while let character = rest.popFirst() {
            if character == "\\", let plain = plain(rest.prefix(2), withAtSign) {
                result.append(plain)
                rest.removeFirst(2)
            } else {
                result.append(character)
            }
        }
        return result
    }

    private static func plain(_ code: Substring, _ withAtSign: Bool) -> Character? {
        withAtSign && code == "40" ? "@" : codes.first { $0.value == code }?.key
    }
}
