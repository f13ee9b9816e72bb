// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import TestSupport
import Testing

@testable import IMXWire

private func envelope() throws -> Envelope {
    var details = Envelope.Details()
    details.subjects = [LocalizedText("Grüße", language: "de"), LocalizedText("Hello")]
    details.thread = MessageThread(id: "t1", parent: "t0")
    details.messageType = "normal"
    details.sourceInstance = text("phone")
    details.destinationInstance = text("desk")
    details.sourceName = DisplayName("Alice", language: "en")
    details.sentAt = "2026-01-02T03:04:05Z"
    details.wantsReceipt = true
    details.replaces = MessageID("m0")
    details.wantsReadReport = true
    details.chatState = .paused
    details.otherRecipients = [
        OtherRecipient(.to, uri: "im:carol@c.example", name: "Carol"), OtherRecipient(.cc, uri: "im:dan@d.example"),
    ]
    details.attributes = [
        Attribute("alias", type: "text/plain", value: text("Al"), seconds: 60), Attribute("x", value: ByteBuffer()),
    ]
    details.nativeID = text("n1")
    details.trail = [Samples.server, Samples.otherServer]
    details.baggage = [
        Baggage(origin: "xmpp", name: "x urn:x", isCritical: true, octets: text("<x/>")),
        Baggage(origin: "xmpp", name: "y", octets: ByteBuffer()),
        Baggage(origin: "imx", name: "1a1a", octets: octets("000102")),
    ]
    details.losses = [Loss("xmpp:xhtml-im", reason: "no place for it"), Loss("x", reason: "")]
    return Envelope(
        source: try #require(Address("alice@a.example")),
        destination: try #require(Address("bob@b.example")),
        messageID: try #require(MessageID("m1")),
        hops: 17,
        trace: TraceID(high: 1, low: 2),
        deadline: Instant(nanoseconds: 5),
        body: .entity(text("\r\nx")),
        details: details
    )
}

private func read(_ record: ByteBuffer) throws -> Envelope {
    let message = try MessageRecord(payload: record.payload)
    var envelope = message.envelope(
        source: try #require(Domain(canonical: message.from.domain)),
        destination: try #require(Domain(canonical: message.to.domain)),
        deadline: Instant(nanoseconds: 5),
        freshTrace: TraceID(high: 9, low: 9)
    )
    envelope.hops += 1  // the writer takes one away: RFC 3860 §3.4.2
    return envelope
}

@Suite struct EnvelopeTests {
    @Test("IMX 4.7.1: an envelope crosses the wire with everything that it carries")
    func everything() throws {
        var out = ByteBuffer()
        out.writeMessage(try envelope(), deadline: 30_000, tag: 7, isRetry: true)
        #expect(try read(out) == (try envelope()))
        #expect(out.recordHeader?.flags == [.request, .retry])
        #expect(try Samples.rewrite(out).readableBytes == out.readableBytes)
    }

    @Test("I.1.3: a trail that has grown too long for a record loses its oldest servers")
    func fullTrail() throws {
        var long = try envelope()
        let servers = (0..<257 as Range<UInt64>).map { ServerID(high: 3, low: $0) }
        long.details?.trail = servers
        var out = ByteBuffer()
        out.writeMessage(long, deadline: nil, tag: 1)
        #expect(try read(out).details?.trail == Array(servers.dropFirst()))
    }

    @Test("I.1.2: a plain envelope has no details on the other side")
    func plain() throws {
        var plain = try envelope()
        plain.details = nil
        plain.body = .none
        var out = ByteBuffer()
        out.writeMessage(plain, deadline: nil, tag: 7)
        #expect(try read(out) == plain)
        var asked = plain
        var details = Envelope.Details()
        details.wantsReceipt = true
        asked.details = details
        out.clear()
        out.writeMessage(asked, deadline: nil, tag: 7)
        #expect(try read(out).details?.wantsReceipt == true)
    }

    @Test(
        "I.1.2: baggage cannot write a field that has a meaning, nor a critical one",
        arguments: ["0100", "0180", "8123", "0003", "0111", "0190", "0195"]
    )
    func smuggled(name: String) throws {
        var envelope = try envelope()
        var details = Envelope.Details()
        details.baggage = [Baggage(origin: "imx", name: name, octets: text("mallory@c.example"))]
        envelope.details = details
        var out = ByteBuffer()
        out.writeMessage(envelope, deadline: nil, tag: 1)
        let message = try MessageRecord(payload: out.payload)
        #expect(message.from.octets == text("alice@a.example"))
        #expect(message.details?.extra.isEmpty != false && message.details?.attributes.isEmpty != false)
    }

    @Test("I.1.3: attributes that ride on a message travel on")
    func attributes() throws {
        var out = ByteBuffer()
        try Samples.fullMessage().write(to: &out, tag: 1)
        let envelope = try read(out)
        out.clear()
        out.writeMessage(envelope, deadline: nil, tag: 1)
        let again = try MessageRecord(payload: out.payload)
        #expect(again.details?.attributes == (try Samples.fullMessage()).details?.attributes)
        #expect(again.details?.extra == (try Samples.fullMessage()).details?.extra)
    }

    @Test("I.1.5: an outcome crosses the wire whole, and an unknown code unchanged")
    func outcomes() throws {
        let details = Outcome.Details(
            text: "moved",
            language: "en",
            retryAfter: 5,
            newAddress: Address("bob@c.example"),
            failedField: 0x0101,
            baggage: [Baggage(origin: "xmpp", name: "gone", octets: text("<gone/>"))]
        )
        for outcome in [
            Outcome(.moved, details: details), Outcome(.delivered), Outcome(OutcomeCode(rawValue: 4999)),
            Outcome(.refused, "no"),
        ] {
            var out = ByteBuffer()
            AnswerRecord(outcome: outcome).write(to: &out, answering: .message, tag: 1)
            let read = try AnswerRecord(payload: out.payload).outcome
            #expect(read == outcome)
        }
    }

    @Test("I.1.2: a report crosses the wire as an envelope")
    func reports() throws {
        var report = try envelope()
        report.details = nil
        report.body = .none
        report.operation = .report(
            .init(about: try #require(MessageID("m0")), outcome: Outcome(.refused, "no"))
        )
        var pair = Pair()
        guard case .sent = pair.dialler.send(envelope: report, deadline: 1000, cookie: 1, now: pair.now) else {
            Issue.record("not sent")
            return
        }
        pair.run()
        guard case .report(let tag, false, let record) = pair.acceptorSaid.first else {
            Issue.record("\(pair.acceptorSaid)")
            return
        }
        #expect(record.deadline == 1000)
        var read = record.envelope(
            source: report.source.domain,
            destination: report.destination.domain,
            messageID: report.messageID,
            deadline: report.deadline,
            freshTrace: TraceID(high: 9, low: 9)
        )
        read.hops += 1
        #expect(read == report)
        pair.acceptor.answer(
            outcome: Outcome(.rateLimited, "slow", retryAfter: 3),
            to: .report,
            tag: tag,
            now: pair.now
        )
        pair.run()
        guard case .answer(1, let answer) = pair.diallerSaid.first else {
            Issue.record("\(pair.diallerSaid)")
            return
        }
        #expect(answer.outcome == Outcome(.rateLimited, "slow", retryAfter: 3))
    }

    @Test("IMX 4.2.2: the wire's check of a domain is the model's", arguments: 1...10 as ClosedRange<UInt64>)
    func domains(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let letters = Array("aaabz09--..AZ_é@ ".utf8)
        for _ in 0..<2000 {
            let count = Int.random(in: 0...12, using: &generator)
            let octets = (0..<count).compactMap { _ in letters.randomElement(using: &generator) }
            let mine = octets.withUnsafeBytes { $0.isCanonicalDomain }
            #expect(mine == Domain.isCanonical(octets))
        }
        for count in [62, 63, 64, 126, 127, 128, 250, 251, 252, 253, 254, 255] {
            for label in [1, 62, 63, 64] {
                let octets = Array(
                    (0..<count).map { $0 % (label + 1) == label ? UInt8(ascii: ".") : UInt8(ascii: "a") }
                )
                #expect(octets.withUnsafeBytes { $0.isCanonicalDomain } == Domain.isCanonical(octets))
            }
        }
    }
}
