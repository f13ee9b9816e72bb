// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import IMXWire

private let preface = octets("89494D580D0A1A0A")

private func hello(
    _ server: UInt64 = 1,
    nonce: UInt64 = 1,
    versions: ClosedRange<UInt16> = 1...1,
    dialled: String? = "b.example",
    _ change: (inout HelloRecord) -> Void = { _ in }
) -> ByteBuffer {
    var hello = HelloRecord(
        versionMin: versions.lowerBound,
        versionMax: versions.upperBound,
        serverID: ServerID(high: server, low: 0),
        nonce: ConnectionNonce(nonce, 1, 2, 3),
        dialled: dialled.map { text($0) }
    )
    change(&hello)
    var out = ByteBuffer()
    hello.write(to: &out)
    return out
}

@Suite struct OpeningTests {
    @Test("I.1.1: both ends open, one octet at a time or all at once", arguments: [1, 5, Int.max])
    func opens(step: Int) {
        var pair = Pair(authenticated: false, open: false)
        pair.run(step: step)
        #expect(pair.dialler.isOpen && pair.acceptor.isOpen)
        guard case .established(let toDialler) = pair.diallerSaid.first,
            case .dialled(let toAcceptor) = pair.acceptorSaid.first
        else {
            Issue.record("\(pair.diallerSaid) \(pair.acceptorSaid)")
            return
        }
        #expect(toDialler.serverID.high == 2)
        #expect(toAcceptor.dialled == text("b.example"))
        #expect(pair.dialler.helloOctets?.dialler == pair.acceptor.helloOctets?.dialler)
        #expect(pair.dialler.helloOctets?.acceptor == pair.acceptor.helloOctets?.acceptor)
        #expect(pair.dialler.helloOctets?.dialler.recordHeader?.type == .hello)
    }

    @Test("I.1.1: the order is preface, preface, HELLO of the dialler, HELLO of the acceptor")
    func order() {
        var dialler = Lone(.dialler, open: false)
        _ = dialler.events()
        #expect(dialler.sent == preface)
        _ = dialler.after(preface)
        #expect(dialler.sent.readableBytes > 8)
        var acceptor = Lone(.acceptor, open: false)
        _ = acceptor.after(preface)
        #expect(acceptor.sent == preface)
        let events = acceptor.after(hello())
        guard case .dialled = events.first else {
            Issue.record("\(events)")
            return
        }
        #expect(acceptor.sent == preface)
        acceptor.machine.accept(now: acceptor.now)
        _ = acceptor.events()
        #expect(acceptor.sent.readableBytes > 8)
    }

    @Test(
        "I.1.1: a wrong preface closes without reply at its first wrong octet",
        arguments: ["09", "89494D580A", "474554202F", "89494D580D0A1A0D", "160301"]
    )
    func wrongPreface(start: String) {
        var lone = Lone(open: false)
        let events = lone.after(octets(start))
        #expect(failure(events) == .malformed)
        #expect(lone.sent == preface)
    }

    @Test("I.1.1: records that came with the HELLO wait for the word on it")
    func early() {
        var lone = Lone(open: false)
        var bytes = preface
        bytes.writeImmutableBuffer(hello())
        bytes.writeImmutableBuffer(octets("00000000 0777 01 00 00000009"))
        #expect(lone.after(bytes).count == 1)
        #expect(lone.after(octets("00000000 0778 01 00 0000000A")).isEmpty)
        lone.machine.accept(now: lone.now)
        #expect(lone.events().count == 2)
    }

    @Test("I.1.1: a dialled domain that is not hosted is told 5006")
    func notHosted() {
        var lone = Lone(open: false)
        _ = lone.after(preface)
        _ = lone.after(hello(dialled: "c.example"))
        lone.machine.refuse(.notServedHere, "not served here", now: lone.now)
        #expect(failure(lone.events()) == .notServedHere)
        let close = lone.sent.records(after: 8).first
        #expect(close?.header.type == .close)
        #expect((try? CloseRecord(payload: close?.octets.payload ?? ByteBuffer()))?.code == .notServedHere)
    }

    @Test("IMX 4.4.1: without a common version the peer is told our range")
    func versions() throws {
        for (range, isGood) in [(1...1, true), (1...7, true), (0...1, true), (2...7, false), (0...0, false)] {
            var lone = Lone(open: false)
            _ = lone.after(preface)
            let events = lone.after(hello(versions: UInt16(range.lowerBound)...UInt16(range.upperBound)))
            #expect((failure(events) == nil) == isGood)
            guard !isGood else { continue }
            #expect(failure(events) == .notUnderstood)
            let close = try #require(lone.sent.records(after: 8).first)
            #expect(try CloseRecord(payload: close.octets.payload).versions == 1...1)
        }
    }

    @Test("IMX 4.4.1: a capability that is not known is ignored, and one counts only where both have it")
    func capabilities() {
        var lone = Lone(open: false)
        _ = lone.after(preface)
        _ = lone.after(hello { $0.capabilities = [Capability(rawValue: 0x7777), .mutual] })
        lone.machine.accept(now: lone.now)
        #expect(lone.machine.isOpen)
        #expect(!lone.machine.bothHave(.mutual))
        #expect(!lone.machine.bothHave(Capability(rawValue: 0x7777)))
    }

    @Test("I.1.4: what is no good HELLO closes the connection")
    func badHello() {
        let cases: [(String, ByteBuffer, OutcomeCode)] = [
            ("request first", octets("00000000 0004 01 00 00000001"), .malformed),
            ("HELLO as a request", octets("00000000 0001 01 00 00000001"), .malformed),
            ("empty", octets("00000000 0001 00 00 00000000"), .malformed),
            ("no dialled domain", hello(dialled: nil), .malformed),
            ("upper case", hello(dialled: "B.example"), .malformed),
            ("own server-id", hello(2), .loop),
            ("own nonce", hello(1, nonce: 2), .loop),
            ("tiny records", hello { $0.maxRecord = 16_383 }, .malformed),
            ("no requests", hello { $0.maxInflight = 0 }, .malformed),
            (
                "critical", hello { $0.extra = [UnknownField(id: FieldID(rawValue: 0x9000), value: text("x"))] },
                .notUnderstood
            ),
            ("too large", octets("00004001 0001 00 00 00000000"), .tooLarge),
            ("data first", octets("00000000 0020 01 00 00000001"), .malformed),
        ]
        for (name, bytes, code) in cases {
            var lone = Lone(open: false)
            _ = lone.after(preface)
            let events = lone.after(bytes)
            #expect(failure(events) == code, "\(name)")
            #expect(lone.sent.records(after: 8).first?.header.type == .close, "\(name)")
        }
    }

    @Test("G.5: an acceptor that names a dialled domain is refused")
    func diallerSide() {
        var lone = Lone(.dialler, open: false)
        _ = lone.after(preface)
        #expect(failure(lone.after(hello(dialled: "b.example"))) == .malformed)
    }

    @Test("G.5, dialback 4: a connection to oneself, and a mirror, are closed")
    func mirror() {
        var lone = Lone(.dialler, open: false)
        var events: [Inbound] = []
        for _ in 0..<3 {
            events += lone.events()
            let echo = lone.sent
            lone.sent = ByteBuffer()
            events += lone.after(echo)
        }
        #expect(failure(events) == .loop)
    }

    @Test("I.1.2: a peer that says no HELLO within 10 s is closed")
    func silence() {
        for bytes in [ByteBuffer(), octets("8949"), preface] {
            var lone = Lone(open: false)
            _ = lone.after(bytes)
            #expect(lone.machine.nextWake == lone.now + .seconds(10))
            #expect(lone.after(seconds: 9).isEmpty)
            #expect(failure(lone.after(seconds: 1)) == .timedOut)
        }
    }

    @Test("I.1.4: HELLO twice closes the connection")
    func twice() {
        var lone = Lone()
        #expect(failure(lone.after(hello())) == .malformed)
    }

    @Test("I.1.1: before authentication records are at most 64 in number and 16 KiB, each and in all")
    func unauthenticated() {
        var large = Lone()
        #expect(failure(large.after(octets("00004001 0020 01 00 00000001"))) == .tooLarge)
        var many = Lone()
        for count in 2...64 {
            #expect(many.after(octets("00000000 1A1A 00 00 00000000")).isEmpty, "\(count)")
        }
        #expect(failure(many.after(octets("00000000 1A1A 00 00 00000000"))) == .rateLimited)
        var heavy = Lone()
        #expect(heavy.after(octets("00002000 1A1A 00 00 00000000")).isEmpty)
        #expect(heavy.after(ByteBuffer(repeating: 0, count: 0x2000)).isEmpty)
        #expect(failure(heavy.after(octets("00002000 1A1A 00 00 00000000"))) == .rateLimited)
        #expect(heavy.machine.partial.readableBytes == 0, "refused at its header")
        var trusted = Lone()
        trusted.machine.markAuthenticated()
        for _ in 0..<1000 { #expect(trusted.after(octets("00000000 1A1A 00 00 00000000")).isEmpty) }
    }

    @Test("I.1.4: slow-loris: before authentication a record has 10 s from its first octet")
    func slowLoris() {
        var lone = Lone()
        let record = octets("00000010 1A1A 00 00 00000000")
        var events: [Inbound] = []
        for index in 0..<10 {
            events += lone.after(record.getSlice(at: index, length: 1) ?? ByteBuffer())
            events += lone.after(seconds: 1)
        }
        #expect(failure(events) == .timedOut)
    }

    @Test("IMX 2.8, IMX 4.4.2: GREASE in HELLO and after it disturbs nobody")
    func grease() {
        let pair = Pair()
        #expect(pair.acceptor.counters.unknownRecords == 1)
        #expect(pair.dialler.counters.unknownRecords == 1)
        #expect(pair.acceptor.peerHello?.extra.map(\.id.rawValue).allSatisfy(Grease.isGrease) == true)
        #expect(pair.acceptor.peerHello?.capabilities.map(\.rawValue).allSatisfy(Grease.isGrease) == true)
    }
}

extension ByteBuffer {
    /// The records after the first `count` octets.
    func records(after count: Int) -> [(header: RecordHeader, octets: ByteBuffer)] {
        getSlice(at: count, length: readableBytes - count)?.records ?? []
    }
}
