// SPDX-License-Identifier: Apache-2.0
import Configuration
import EnvelopeModel
import NIOCore
import XMLStream

/// Whoever uses a link that is up.
protocol ComponentLinkUser: AnyObject {
    func linkIsUp()
    func linkReceived(_ stanza: XMLElement)
    func linkReceivedOversize(_ stanza: XMLElement, _ limit: XMLLimit)
    /// Runs `body`, which handles one read burst, and flushes afterwards.
    func linkBurst(_ body: () -> Void)
    func linkBecameWritable()
    func linkIsDown(_ reason: String, isPermanent: Bool)
}

/// One component stream from the dialling to the end (XEP-0114, `jabber:component:accept`).
final class ComponentLink: ComponentTransportUser {
    private enum Phase {
        case connecting
        /// Our header is out.
        case opening
        /// Our proof is out.
        case authenticating
        case up
        case down
    }

    private let settings: XMPPSettings
    private weak var user: (any ComponentLinkUser)?
    private let parser = XMLStreamParser(vocabulary: Names.vocabulary)
    private var transport: (any ComponentTransport)?
    private var phase = Phase.connecting
    /// The language that the server declares for every stanza.
    private(set) var language: String?
    /// What goes out with the next flush.
    var output = ByteBuffer()

    init(settings: XMPPSettings, user: any ComponentLinkUser) {
        self.settings = settings
        self.user = user
    }

    var isUp: Bool { phase == .up }

    /// Whether stanzas may be written now.
    var isWritable: Bool { phase == .up && transport?.isWritable == true }

    /// Sends what has been written.
    func flush() {
        guard output.readableBytes > 0 else { return }
        // Taken out first: the transport may call back, and then more is written and flushed.
        var octets = ByteBuffer()
        swap(&octets, &output)
        transport?.write(octets)
        guard output.capacity == 0, phase != .down else { return }
        octets.clear()
        output = octets
    }

    func setReading(_ isReading: Bool) { transport?.setReading(isReading) }

    /// Closes the stream in order (RFC 6120 §4.4).
    func close(_ reason: String) {
        if phase != .connecting, phase != .down {
            output.writeStaticString("</stream:stream>")
            flush()
        }
        end(reason)
    }

    /// Closes the stream for `failure` (RFC 6120 §4.9).
    func fail(_ failure: XMLStreamFailure) {
        output.writeStaticString("<stream:error><")
        output.writeString(failure.condition.rawValue)
        output.writeStaticString(" xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")
        flush()
        end("the server's stream broke a rule: \(failure)")
    }

    private func end(_ reason: String, isPermanent: Bool = false) {
        guard phase != .down else { return }
        phase = .down
        output = ByteBuffer()
        let transport = self.transport
        self.transport = nil
        transport?.close()
        user?.linkIsDown(reason, isPermanent: isPermanent)
    }

    // MARK: The transport's calls

    func connected(_ transport: any ComponentTransport) {
        guard phase == .connecting else {
            transport.close()
            return
        }
        self.transport = transport
        phase = .opening
        // XEP-0114 §3: to is the component's own name.
        output.writeStaticString("<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept'")
        output.writeStaticString(" xmlns:stream='http://etherx.jabber.org/streams' to='")
        output.writeXMLValue(settings.component.name)
        output.writeStaticString("'>")
        flush()
    }

    func received(_ burst: [ByteBuffer]) {
        guard phase != .down, let user else { return }
        user.linkBurst {
            for octets in burst where phase != .down {
                parser.feed(octets)
                for event in parser.events where phase != .down { handle(event) }
                if let failure = parser.failure, phase != .down { fail(failure) }
            }
        }
    }

    func becameWritable() { user?.linkBecameWritable() }

    func closed(_ reason: String) { end(reason) }

    // MARK: The stream

    private func handle(_ event: XMLStreamEvent) {
        switch event {
        case .opened(let header): opened(header)
        case .stanza(let stanza): received(stanza)
        case .oversize(let stanza, let limit):
            if phase == .up { user?.linkReceivedOversize(stanza, limit) }
        case .closed: close("the server closed the stream")
        }
    }

    private func opened(_ header: XMLElement) {
        guard phase == .opening, header.name == Names.stream else {
            fail(XMLStreamFailure(.invalidNamespace, "no stream header"))
            return
        }
        language = header.string(Names.lang)
        phase = .authenticating
        output.writeStaticString("<handshake>")
        output.writeString(Handshake.proof(streamID: header.string(Names.id) ?? "", secret: settings.secret.reveal()))
        output.writeStaticString("</handshake>")
        flush()
    }

    private func received(_ stanza: XMLElement) {
        if stanza.name == Names.streamError {
            streamError(stanza)
        } else if phase == .up {
            user?.linkReceived(stanza)
        } else if phase == .authenticating, stanza.name == Names.handshake {
            phase = .up
            user?.linkIsUp()
        } else {
            fail(XMLStreamFailure(.notAuthorized, "a stanza before the handshake"))
        }
    }

    private func streamError(_ error: XMLElement) {
        var condition = "undefined-condition"
        var text = ""
        for child in error.children {
            if child.name == Names.streamText {
                text = ": " + String(decoding: child.text.readableBytesView.prefix(200), as: UTF8.self)
            } else if child.unknownNamespace == Names.streamErrors {
                condition = child.unknownLocalName
            }
        }
        // Trying again at once would not help: somebody has to mend a configuration first.
        // A conflict is not among them: the server may not have noticed yet that our last link is gone.
        let isPermanent = ["not-authorized", "host-unknown", "invalid-namespace"].contains(condition)
        output.writeStaticString("</stream:stream>")
        flush()
        end("the server ended the stream, \(condition)\(text)", isPermanent: isPermanent)
    }
}
