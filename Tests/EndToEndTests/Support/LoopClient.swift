// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Foundation
import NIOCore
import NIOPosix
import XMLStream

/// A person's client that lives on an event loop, for whoever must not leave that loop: login by SASL PLAIN, one
/// resource, messages. What it hears is there at once, without a process between.
final class LoopClient {
    /// A message as it came, addresses in the server's spelling.
    struct Message {
        var from: String
        var id: String?
        var bodies: [(text: String, language: String?)]
        var subjects: [(text: String, language: String?)]
        var thread: String?
        var chatState: ChatState?
        var replaces: String?
        /// The rich text, an element `html` of XEP-0071.
        var html: ByteBuffer?
        /// The condition of an error.
        var condition: String?
    }

    /// Presence as it came; a type of nil says that somebody is there.
    struct Presence {
        var from: String
        var type: String?
        var status: String?
    }

    private enum Step { case greeting, authenticating, greetingAgain, binding, listing, online, gone }

    private let user: String
    private let domain: String
    private let port: UInt16
    private let eventLoop: any EventLoop
    private let hear: (Message) -> Void
    /// Called with presence of any type.
    var hearPresence: ((Presence) -> Void)?
    private var step = Step.gone
    private var channel: (any Channel)?
    private var parser = XMLStreamParser(vocabulary: Word.vocabulary)

    init(
        _ user: String,
        at server: some XMPPServer,
        on eventLoop: any EventLoop,
        hear: @escaping (Message) -> Void
    ) {
        self.user = user
        domain = server.domain
        port = server.clientPort
        self.eventLoop = eventLoop
        self.hear = hear
    }

    /// Connects and logs in; the password is the user's name.
    func logIn() async throws {
        connect()
        try await eventually("login of \(user)@\(domain)", within: .seconds(15)) {
            guard step != .gone else { throw HarnessError("\(user)@\(domain) was not let in") }
            return step == .online
        }
    }

    private func connect() {
        step = .greeting
        parser = XMLStreamParser(vocabulary: Word.vocabulary)
        let handler = NIOLoopBound(ClientHandler(self), eventLoop: eventLoop)
        ClientBootstrap(group: eventLoop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(handler.value) }
            }
            .connect(host: "127.0.0.1", port: Int(port))
            .assumeIsolated()
            .whenFailure { _ in handler.value.client?.step = .gone }
    }

    /// Writes a stanza.
    func write(_ stanza: ByteBuffer) { channel?.writeAndFlush(stanza, promise: nil) }

    private func write(_ text: String) { write(ByteBuffer(string: text)) }

    /// Ends the stream.
    func close() {
        guard step != .gone else { return }
        step = .gone
        write("</stream:stream>")
        channel?.close(promise: nil)
        channel = nil
    }

    // MARK: The channel's calls

    fileprivate func connected(_ channel: any Channel) {
        self.channel = channel
        open()
    }

    fileprivate func disconnected(_ channel: any Channel) {
        guard self.channel === channel else { return }
        self.channel = nil
        step = .gone
    }

    fileprivate func received(_ octets: ByteBuffer) {
        let parser = self.parser
        parser.feed(octets)
        for event in parser.events {
            switch event {
            case .stanza(let stanza): handle(stanza)
            case .opened: break
            case .oversize, .closed: step = .gone
            }
        }
        if parser.failure != nil { step = .gone }
    }

    private func open() {
        write(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' version='1.0' "
                + "xmlns:stream='http://etherx.jabber.org/streams' to='\(domain)'>"
        )
    }

    private func handle(_ stanza: XMLElement) {
        switch (step, stanza.name) {
        case (.greeting, Word.features):
            step = .authenticating
            let secret = Data("\0\(user)\0\(user)".utf8).base64EncodedString()
            write("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>\(secret)</auth>")
        case (.authenticating, Word.success):
            step = .greetingAgain
            parser = XMLStreamParser(vocabulary: Word.vocabulary)
            open()
        case (.greetingAgain, Word.features):
            step = .binding
            write("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        case (.binding, Word.iq):
            step = stanza.attribute(Word.type, is: "result") ? .listing : .gone
            // RFC 6121 §2.1.6: what happens to contacts is told to those alone who have asked for the list. The server
            // takes stanzas in order, so that whoever has the list is seen to be there too.
            write("<presence/><iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>")
        case (.listing, Word.iq): step = .online
        case (.listing, Word.message), (.online, Word.message): hear(Message(stanza))
        case (.listing, Word.presence), (.online, Word.presence): hearPresence?(Presence(stanza))
        case (_, Word.streamError), (.authenticating, _): step = .gone
        default: break
        }
    }
}

extension LoopClient.Presence {
    fileprivate init(_ stanza: XMLElement) {
        from = stanza.string(Word.from) ?? ""
        type = stanza.string(Word.type)
        status = stanza.child(Word.status).map { String(buffer: $0.text) }
    }
}

extension LoopClient.Message {
    fileprivate init(_ stanza: XMLElement) {
        func texts(_ name: XMLName) -> [(text: String, language: String?)] {
            stanza.children.filter { $0.name == name }.map { (String(buffer: $0.text), $0.string(Word.lang)) }
        }
        from = stanza.string(Word.from) ?? ""
        id = stanza.string(Word.id)
        bodies = texts(Word.body)
        subjects = texts(Word.subject)
        thread = stanza.child(Word.thread).map { String(buffer: $0.text) }
        for child in stanza.children where child.name == .unknown {
            switch child.namespace {
            case "http://jabber.org/protocol/chatstates": chatState = ChatState(rawValue: child.localName)
            case "urn:xmpp:message-correct:0": replaces = child.string(Word.id)
            case "http://jabber.org/protocol/xhtml-im":
                var octets = ByteBuffer()
                child.write(to: &octets)
                html = octets
            default: break
            }
        }
        if stanza.attribute(Word.type, is: "error") {
            condition = stanza.child(Word.error)?.children.first { $0.name == .unknown }?.unknownLocalName ?? ""
        }
    }
}

/// What the client reads.
private enum Word {
    static let features = XMLName(rawValue: 1)
    static let streamError = XMLName(rawValue: 2)
    static let success = XMLName(rawValue: 3)
    static let message = XMLName(rawValue: 4)
    static let iq = XMLName(rawValue: 5)
    static let error = XMLName(rawValue: 6)
    static let body = XMLName(rawValue: 7)
    static let subject = XMLName(rawValue: 8)
    static let thread = XMLName(rawValue: 9)
    static let from = XMLName(rawValue: 10)
    static let id = XMLName(rawValue: 11)
    static let type = XMLName(rawValue: 12)
    static let lang = XMLName(rawValue: 13)
    static let presence = XMLName(rawValue: 14)
    static let status = XMLName(rawValue: 15)

    static let vocabulary = XMLVocabulary(
        [
            .init(features, "http://etherx.jabber.org/streams", "features"),
            .init(streamError, "http://etherx.jabber.org/streams", "error"),
            .init(success, "urn:ietf:params:xml:ns:xmpp-sasl", "success"),
            .init(from, "", "from"), .init(id, "", "id"), .init(type, "", "type"),
            .init(lang, "http://www.w3.org/XML/1998/namespace", "lang"),
        ]
            + [
                (message, "message"), (iq, "iq"), (error, "error"), (body, "body"), (subject, "subject"),
                (thread, "thread"), (presence, "presence"), (status, "status"),
            ]
            .map { XMLVocabulary.Entry($0.0, "jabber:client", $0.1) }
    )
}

/// Hands the channel's octets to the client.
private final class ClientHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private(set) weak var client: LoopClient?

    init(_ client: LoopClient) { self.client = client }

    func channelActive(context: ChannelHandlerContext) { client?.connected(context.channel) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { client?.received(unwrapInboundIn(data)) }

    func channelInactive(context: ChannelHandlerContext) { client?.disconnected(context.channel) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
