// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing
import XMLStream

@testable import XMPPAdapter

@Suite("Outcomes and stanza errors")
struct ErrorTests {
    @Test(
        "RFC3922 F.6: outcomes as stanza errors",
        arguments: [
            (3001, "gone", "cancel"), (4001, "recipient-unavailable", "wait"), (4002, "remote-server-timeout", "wait"),
            (4003, "resource-constraint", "wait"), (4004, "policy-violation", "wait"), (5001, "bad-request", "modify"),
            (5002, "jid-malformed", "modify"), (5003, "item-not-found", "cancel"), (5004, "forbidden", "auth"),
            (5005, "not-authorized", "auth"), (5006, "remote-server-not-found", "cancel"),
            (5007, "policy-violation", "cancel"), (5008, "feature-not-implemented", "cancel"),
            (5009, "policy-violation", "modify"), (5010, "not-acceptable", "modify"), (5011, "conflict", "cancel"),
            (5013, "remote-server-not-found", "cancel"), (5014, "internal-server-error", "cancel"),
            (3999, "redirect", "modify"), (4999, "service-unavailable", "wait"),
            (5999, "undefined-condition", "cancel"),
            (0, "undefined-condition", "cancel"),
        ] as [(UInt16, String, String)]
    )
    func table(_ code: UInt16, _ condition: String, _ type: String) {
        #expect(StanzaErrors.error(for: OutcomeCode(rawValue: code)) == StanzaError(condition, type))
    }

    @Test("RFC3922 F.6: every code has a stanza error, but those that are no failure")
    func total() {
        for code in UInt16.min...UInt16.max {
            let isFailure = OutcomeCode(rawValue: code).classCode != 2_000
            #expect((StanzaErrors.error(for: OutcomeCode(rawValue: code)) != nil) == isFailure)
        }
    }

    @Test(
        "RFC6120 8.3.3: every condition is a failure",
        arguments: [
            ("bad-request", 5001), ("conflict", 5011), ("feature-not-implemented", 5008), ("forbidden", 5004),
            ("gone", 3001), ("internal-server-error", 5014), ("item-not-found", 5003), ("jid-malformed", 5002),
            ("not-acceptable", 5010), ("not-allowed", 5004), ("not-authorized", 5005), ("policy-violation", 5004),
            ("recipient-unavailable", 4001), ("redirect", 3001), ("registration-required", 5004),
            ("remote-server-not-found", 5013), ("remote-server-timeout", 4002), ("resource-constraint", 4003),
            ("service-unavailable", 4001), ("subscription-required", 5004), ("undefined-condition", 5014),
            ("unexpected-request", 5001), ("made-up", 5014), ("", 5014),
        ] as [(String, UInt16)]
    )
    func conditions(_ condition: String, _ code: UInt16) {
        #expect(StanzaErrors.code(for: StanzaError(condition, "cancel")).rawValue == code)
        for type in ["auth", "cancel", "continue", "modify", "wait", "", "made-up"] {
            #expect(Outcome(StanzaErrors.code(for: StanzaError(condition, type))).disposition != .delivered)
        }
    }

    @Test("RFC3922 F.6: a code that goes over XMPP and comes back is the same", arguments: OutcomeCode.known)
    func roundTrip(_ code: OutcomeCode) throws {
        let header = StanzaHeader(
            kind: .message,
            from: ByteBuffer(string: "alice@a.example/x"),
            to: ByteBuffer(string: "bob@b.example"),
            id: ByteBuffer(string: "7'")
        )
        var details = Outcome.Details(text: "why <not>", language: "en")
        details.newAddress = code == .moved ? address("carol@c.example") : nil
        var written = ByteBuffer()
        ReplyWriter.writeError(Outcome(code, details: details), answering: header, to: &written)
        guard code.classCode != 2_000 else {
            #expect(written.readableBytes == 0)
            return
        }
        // The other side is a component too, and the error comes to it from Bob's server.
        let text = String(buffer: written).replacing("bob@b.example", with: "bob@a.example")
            .replacing("alice@a.example/x", with: "alice@b.example")
        guard case .failure(let failure) = reading(text) else {
            Issue.record("not read: \(text)")
            return
        }
        #expect(failure.outcome == Outcome(code, details: details))
        #expect(failure.id == ByteBuffer(string: "7'"))
        #expect(failure.destination == address("bob@a.example"))
        #expect(failure.source == address("alice@b.example"))
    }

    @Test("RFC6120 8.3: an error as a server writes it")
    func literal() {
        let text = """
            <message from='alice@a.example/phone' to='bob@b.example' id='m1' type='error'><body>hello</body>\
            <error type='wait' by='a.example'><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
            <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='de'>Zu viel</text>\
            <too-fast xmlns='urn:other'/></error></message>
            """
        guard case .failure(let failure) = reading(text) else {
            Issue.record("not read")
            return
        }
        #expect(failure.outcome == Outcome(.rateLimited, details: .init(text: "Zu viel", language: "de")))
    }

    @Test("RFC3922 F.6: an error is never a delivery, whatever it claims")
    func lyingError() {
        let text = """
            <message from='alice@a.example' to='bob@b.example' id='m1' type='error'>\
            <error/><outcome xmlns='urn:imx:outcome:0' code='2000'/></message>
            """
        guard case .failure(let failure) = reading(text) else {
            Issue.record("not read")
            return
        }
        #expect(failure.outcome.code == .internalError)
    }

    @Test("XEP-0114: the answer to a message, octet for octet")
    func answer() {
        let header = StanzaHeader(
            kind: .message,
            from: ByteBuffer(string: "alice@a.example/x'y"),
            to: ByteBuffer(string: "bob@b.example"),
            id: nil
        )
        var written = ByteBuffer()
        ReplyWriter.writeError(Outcome(.noSuchUser, "no \"bob\""), answering: header, to: &written)
        #expect(
            String(buffer: written) == """
                <message type='error' from='bob@b.example' to='alice@a.example/x&apos;y'><error type='cancel'>\
                <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
                <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>no "bob"</text>\
                </error><outcome xmlns='urn:imx:outcome:0' code='5003'/></message>
                """
        )
    }

    @Test("F.6: when another try makes sense is told to people and to the next aggregator", arguments: ["busy", nil])
    func retry(_ text: String?) throws {
        let header = StanzaHeader(
            kind: .message,
            from: ByteBuffer(string: "bob@b.example"),
            to: ByteBuffer(string: "alice@a.example"),
            id: ByteBuffer(string: "1")
        )
        let outcome = Outcome(.rateLimited, details: Outcome.Details(text: text, retryAfter: 30))
        var buffer = ByteBuffer()
        ReplyWriter.writeError(outcome, answering: header, to: &buffer)
        #expect(String(buffer: buffer).contains("again in 30 s"))
        guard case .failure(let failure)? = reading(String(buffer: buffer)) else {
            Issue.record("no failure: \(String(buffer: buffer))")
            return
        }
        #expect(failure.outcome.code == .rateLimited && failure.outcome.details?.retryAfter == 30)
        // It is not said twice when it goes over XMPP again.
        #expect(failure.outcome.text == text ?? "policy-violation")
        let later = String(buffer: buffer).replacing("retry-after='30'", with: "retry-after='4000000000'")
        guard case .failure(let long)? = reading(later) else { return }
        #expect(long.outcome.details?.retryAfter == 86_400)
    }
}
