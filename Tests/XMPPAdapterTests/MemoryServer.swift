// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel
import MessageFormats
import NIOCore
import XMLStream

@testable import XMPPAdapter

/// An XMPP server in memory: one component, a few users, and a link that takes a millisecond each way.
final class MemoryServer: ComponentDialer {
    /// What the server does with a message for a user; nil where it delivers it.
    typealias Refusal = (condition: String, type: String)

    private(set) var received: [ServiceMessage] = []
    private(set) var bounces: [ServiceBounce] = []
    var isReachable = true
    private let scheduler: any Scheduler
    private let users: [Address: Refusal?]
    let addresses: AddressMap
    /// Contact lists and devices; they outlive a connection.
    var roster = MemoryRoster()
    private var connection: MemoryConnection?

    init(scheduler: any Scheduler, component: Domain, users: [Address: Refusal?]) {
        self.scheduler = scheduler
        self.users = users
        addresses = AddressMap(names: DomainNames(), component: component)
    }

    func dial(_ user: any ComponentTransportUser) {
        scheduler.schedule(after: .milliseconds(1)) { [self] in
            guard isReachable else { return user.closed("connection refused") }
            let connection = MemoryConnection(server: self, user: user, scheduler: scheduler)
            self.connection = connection
            user.connected(connection)
        }
    }

    func cut() {
        isReachable = false
        connection?.cut()
        connection = nil
    }

    /// Has a user write, under whatever address.
    func send(_ message: ServiceMessage) {
        var stanza = ByteBuffer(string: "<message type='chat' from='")
        _ = addresses.writeLocal(message.source, to: &stanza)
        stanza.writeString("/device' to='")
        _ = addresses.writeForeign(message.destination, as: .native, to: &stanza)
        stanza.writeString("'")
        if let id = message.nativeID { stanza.writeString(" id='\(id)'") }
        stanza.writeString(">")
        for (name, texts) in [("body", message.texts), ("subject", message.subjects)] {
            for text in texts {
                stanza.writeString("<\(name)")
                DetailsWriter.writeLanguage(text.language, to: &stanza)
                stanza.writeString(">")
                stanza.writeXMLText(text.text)
                stanza.writeString("</\(name)>")
            }
        }
        if let thread = message.thread { stanza.writeString("<thread>\(thread)</thread>") }
        if let state = message.chatState { stanza.writeString("<\(state.rawValue) xmlns='\(Names.chatStates)'/>") }
        if let replaced = message.replaces {
            stanza.writeString("<replace xmlns='\(Names.corrections)' id='\(replaced)'/>")
        }
        if let rich = message.richText {
            HTMLLite.sanitise(ByteBuffer(string: rich)).document.writeXHTMLIM(into: &stanza)
        }
        stanza.writeString("</message>")
        connection?.answer(stanza)
    }

    /// Writes to the component, if it is connected.
    func answer(_ stanza: ByteBuffer) { connection?.answer(stanza) }

    // MARK: What comes from the component

    func handle(_ event: XMLStreamEvent, on connection: MemoryConnection) {
        switch event {
        case .opened: connection.answer(ByteBuffer(string: Bench.header))
        case .stanza(let stanza): handle(stanza, on: connection)
        case .oversize: break
        case .closed: connection.cut()
        }
    }

    private func handle(_ stanza: XMLElement, on connection: MemoryConnection) {
        switch stanza.name {
        case Names.handshake: connection.answer(ByteBuffer(string: "<handshake/>"))
        case Names.iq:
            guard let header = StanzaHeader(stanza, .iq) else { return }
            var reply = ByteBuffer()
            ReplyWriter.writeResult("", answering: header, to: &reply)
            connection.answer(reply)
        case Names.message: handleMessage(stanza, on: connection)
        case Names.presence: handlePresence(stanza)
        default: break
        }
    }

    private func handleMessage(_ stanza: XMLElement, on connection: MemoryConnection) {
        guard let header = StanzaHeader(stanza, .message), let from = JID(header.from, names: addresses.names),
            let to = JID(header.to, names: addresses.names), let user = addresses.localAddress(of: to),
            let (source, _) = addresses.foreignAddress(of: from)
        else { return }
        if stanza.attribute(Names.type, is: "error") {
            let outcome = StanzaFailure.outcome(of: stanza, addresses)
            bounces.append(ServiceBounce(to: user, about: source, code: outcome.code))
            return
        }
        guard let refusal = users[user] else {
            return bounce(header, ("item-not-found", "cancel"), on: connection)
        }
        if let refusal { return bounce(header, refusal, on: connection) }
        var message = ServiceMessage(from: source, to: user, "")
        let texts = { (name: XMLName) in
            stanza.children.filter { $0.name == name }
                .map { LocalizedText(String(buffer: $0.text), language: $0.string(Names.lang)) }
        }
        message.texts = texts(Names.body)
        message.subjects = texts(Names.subject)
        message.thread = stanza.child(Names.thread).map { String(buffer: $0.text) }
        message.chatState = stanza.child(Names.chatState).flatMap { ChatState(rawValue: $0.localName) }
        message.replaces = stanza.child(Names.replace)?.string(Names.id)
        message.richText = stanza.child(Names.html).flatMap { html in
            var octets = ByteBuffer()
            html.write(to: &octets)
            return HTMLLite.reading(xhtmlIM: octets).map { String(buffer: $0.document.octets) }
        }
        received.append(message)
    }

    private func bounce(_ header: StanzaHeader, _ refusal: Refusal, on connection: MemoryConnection) {
        var reply = ByteBuffer(string: "<message type='error' from='")
        reply.writeXMLValue(header.to)
        reply.writeString("' to='")
        reply.writeXMLValue(header.from)
        reply.writeString("' id='")
        reply.writeXMLValue(header.id ?? ByteBuffer())
        reply.writeString(
            "'><error type='\(refusal.type)'><\(refusal.condition) xmlns='\(Names.stanzas)'/></error></message>"
        )
        connection.answer(reply)
    }
}

/// One connection, with octets under way in both directions.
final class MemoryConnection: ComponentTransport {
    private let server: MemoryServer
    private let user: any ComponentTransportUser
    private let scheduler: any Scheduler
    private let parser = XMLStreamParser(vocabulary: Names.vocabulary)
    private var isOpen = true
    private var isReading = true
    private var unread: [ByteBuffer] = []

    init(server: MemoryServer, user: any ComponentTransportUser, scheduler: any Scheduler) {
        self.server = server
        self.user = user
        self.scheduler = scheduler
    }

    var isWritable: Bool { isOpen }

    func write(_ octets: ByteBuffer) {
        scheduler.schedule(after: .milliseconds(1)) { [self] in
            guard isOpen else { return }
            parser.feed(octets)
            for event in parser.events { server.handle(event, on: self) }
        }
    }

    /// The server writes.
    func answer(_ octets: ByteBuffer) {
        scheduler.schedule(after: .milliseconds(1)) { [self] in
            guard isOpen else { return }
            unread.append(octets)
            if isReading { hand() }
        }
    }

    func setReading(_ isReading: Bool) {
        self.isReading = isReading
        // A read that begins inside a call comes after it.
        if isReading, !unread.isEmpty {
            scheduler.schedule(after: .zero) { [self] in if isOpen, self.isReading { hand() } }
        }
    }

    private func hand() {
        let burst = unread
        unread = []
        if !burst.isEmpty { user.received(burst) }
    }

    func close() { cut() }

    func cut() {
        guard isOpen else { return }
        isOpen = false
        user.closed("the connection was cut")
    }
}
