// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import IMXWire

@Suite struct ConnectionTests {
    @Test("IMX 4.4.7: a thousand requests are answered in reversed order and all matched")
    func reversed() throws {
        var settings = ConnectionSettings()
        settings.maxInflight = 1000
        var pair = Pair(settings: settings)
        for cookie in 0..<1000 as Range<UInt64> { _ = try pair.sendMessage(cookie: cookie) }
        #expect(try pair.sendMessage() == .windowFull)
        #expect(pair.dialler.requestRoom == 0)
        pair.run()
        let tags = pair.acceptorSaid.compactMap { event -> UInt32? in
            if case .message(let tag, false, _) = event { tag } else { nil }
        }
        #expect(tags.count == 1000)
        #expect(pair.acceptor.requestsOwed == 1000)
        for tag in tags.reversed() { pair.acceptor.answer(.delivered, to: .message, tag: tag, now: pair.now) }
        pair.run()
        let cookies = pair.diallerSaid.compactMap { event -> UInt64? in
            if case .answer(let cookie, _) = event { cookie } else { nil }
        }
        #expect(cookies == (0..<1000).reversed())
        #expect(pair.dialler.requestsInFlight == 0)
        #expect(pair.acceptor.requestsOwed == 0)
    }

    @Test("I.1.1: requests beyond max-inflight are answered 4003")
    func overrun() throws {
        var settings = ConnectionSettings()
        settings.maxInflight = 2
        var lone = Lone(settings: settings)
        lone.machine.markAuthenticated()
        var events: [Inbound] = []
        for tag in 1...3 as ClosedRange<UInt32> {
            var out = ByteBuffer()
            try Samples.message().write(to: &out, tag: tag)
            events += lone.after(out)
        }
        guard case .refused(.message, 3, let error) = events.last else {
            Issue.record("\(events)")
            return
        }
        #expect(error.code == .shortOfResources)
        #expect(lone.machine.requestsOwed == 2)
    }

    @Test("I.1.4: an answer to nothing is ignored and counted, and so is one of another type")
    func stray() throws {
        var lone = Lone()
        #expect(lone.after(octets("00000008 0020 02 00 00000007  0120 00000002 07D0")).isEmpty)
        _ = lone.machine.send(message: try Samples.message(), cookie: 5, now: lone.now)
        #expect(lone.after(octets("00000008 0021 02 00 00000001  0120 00000002 07D0")).isEmpty)
        #expect(lone.machine.counters.strayRecords == 2)
        #expect(lone.after(octets("00000008 0020 02 00 00000001  0120 00000002 07D0")).count == 1)
        #expect(lone.after(octets("00000008 0020 02 00 00000001  0120 00000002 07D0")).isEmpty)
        #expect(lone.machine.counters.strayRecords == 3)
    }

    @Test("I.1.4: a record that is request and answer at once is passed over")
    func both() throws {
        var lone = Lone()
        _ = lone.machine.send(message: try Samples.message(), cookie: 5, now: lone.now)
        _ = lone.events()
        lone.sent = ByteBuffer()
        #expect(lone.after(octets("00000008 0020 03 00 00000001  0120 00000002 07D0")).isEmpty)
        #expect(lone.sent.readableBytes == 0)
        #expect(lone.machine.requestsInFlight == 1)
        #expect(lone.machine.counters.strayRecords == 1)
    }

    @Test("I.1.4: flags and the reserved octet without a meaning are ignored", arguments: ["F5", "F9", "05", "11"])
    func flags(flags: String) {
        var lone = Lone()
        #expect(lone.after(octets("00000000 0004 \(flags) FF 00000007")).isEmpty)
        #expect(lone.sent.records.first?.header.tag == 7)
    }

    @Test("IMX 4.4.2: unknown data is passed over, an unknown request is answered 5008, both in step")
    func unknown() {
        var lone = Lone()
        let events = lone.after(
            octets(
                "00000003 0666 00 00 00000000 010203  00000001 0667 01 00 0000000A FF  00000000 0004 01 00 0000000B"
            )
        )
        #expect(events.count == 1)
        #expect(lone.sent.records.map(\.header.tag) == [10, 11])
        #expect(lone.machine.counters.unknownRecords == 2)
    }

    @Test("IMX 4.4.10: a record that cannot be read is refused and the connection kept")
    func refused() throws {
        var lone = Lone()
        var out = ByteBuffer()
        let start = out.beginRecord(.message, .request, tag: 4)
        out.writeField(.thread, octets("C0AF"))
        out.endRecord(at: start)
        let events = lone.after(out)
        guard case .refused(.message, 4, let error) = events.first else {
            Issue.record("\(events)")
            return
        }
        #expect(error.code == .malformed)
        let answer = try AnswerRecord(payload: try #require(lone.sent.records.first).octets.payload)
        #expect(answer.details?.failedField == .thread)
        #expect(lone.machine.isOpen)
        #expect(lone.machine.requestsOwed == 0)
    }

    @Test(
        "I.1.2: what must not be a request is refused as one, and what must be is refused without",
        arguments: [
            ("0001 01", true), ("0002 01", true), ("0003 01", true), ("0012 01", true), ("0041 01", true),
            ("0020 00", false), ("0021 00", false), ("0004 00", false), ("0010 00", false), ("0011 00", false),
        ]
    )
    func wrongKind(typeAndFlags: String, isAnswered: Bool) {
        var lone = Lone()
        let events = lone.after(octets("00000000 \(typeAndFlags) 00 00000009"))
        guard case .refused(_, _, let error) = events.first else {
            Issue.record("\(events)")
            return
        }
        #expect(error.code == .malformed)
        #expect(lone.sent.records.count == (isAnswered ? 1 : 0))
    }

    @Test("I.1.2: the tags 0 and FFFFFFFF are for no request", arguments: ["00000000", "FFFFFFFF"])
    func reservedTags(tag: String) {
        var lone = Lone()
        let events = lone.after(octets("00000000 0777 01 00 \(tag)"))
        guard case .refused(_, _, let error) = events.first else {
            Issue.record("\(events)")
            return
        }
        #expect(error.code == .malformed)
    }

    @Test("G.5: dial-back records toward the dialler are refused 5001", arguments: ["claim", "verify", "proof"])
    func direction(name: String) throws {
        let sample = try #require(try Samples.all().first { $0.name == name }).octets
        var dialler = Lone(.dialler)
        let events = dialler.after(sample)
        guard case .refused(_, _, let error) = events.first else {
            Issue.record("\(events)")
            return
        }
        #expect(error.code == .malformed)
        #expect(dialler.machine.isOpen)
    }

    @Test("I.1.2: PING brings its octets back and is never seen")
    func ping() {
        var lone = Lone()
        #expect(lone.after(octets("00000008 0004 01 00 00000003  000E 00000002 CAFE")).isEmpty)
        #expect(lone.sent.hex == octets("00000010 0004 02 00 00000003  0120 00000002 07D0  000E 00000002 CAFE").hex)
    }

    @Test("I.1.3: a silent peer is asked after 30 s and left after 50 s")
    func silentPeer() {
        var lone = Lone()
        lone.machine.markAuthenticated()
        #expect(lone.machine.nextWake == lone.now + .seconds(30))
        #expect(lone.after(seconds: 30).isEmpty)
        #expect(lone.sent.records.map(\.header.type) == [.ping])
        #expect(lone.machine.nextWake == lone.now + .seconds(20))
        #expect(lone.after(seconds: 19).isEmpty)
        #expect(failure(lone.after(seconds: 1)) == .timedOut)
    }

    @Test("I.1.3: a silent peer has its full time to answer, however late it was asked")
    func lateQuestion() {
        var lone = Lone()
        lone.machine.markAuthenticated()
        #expect(lone.after(seconds: 120).isEmpty)
        #expect(lone.sent.records.map(\.header.type) == [.ping])
        #expect(lone.machine.nextWake == lone.now + .seconds(20))
        #expect(failure(lone.after(seconds: 20)) == .timedOut)
    }

    @Test("IMX 4.3: an idle connection closes in order after the published time, kept alive by nothing but work")
    func idle() throws {
        var settings = ConnectionSettings()
        settings.idleSeconds = 100
        var pair = Pair(settings: settings)
        pair.wait(89)
        #expect(pair.dialler.isOpen && pair.acceptor.isOpen)
        pair.wait(2)  // the dialler leaves a tenth earlier, so that the acceptor does not cut it off
        #expect(ending(pair.diallerSaid) == .orderly)
        #expect(ending(pair.acceptorSaid) == .orderly)
    }

    @Test("I.1.3: nothing is idle while a request is in flight")
    func busy() throws {
        var settings = ConnectionSettings()
        settings.idleSeconds = 100
        var pair = Pair(settings: settings)
        _ = try pair.sendMessage()
        pair.wait(300)
        #expect(pair.dialler.isOpen && pair.acceptor.isOpen)
    }

    @Test("I.1.1: a record larger than the peer takes is not sent")
    func largerThanPeer() throws {
        var pair = Pair()
        var message = try Samples.message()
        message.mime = ByteBuffer(repeating: 0x41, count: 65_536)
        #expect(pair.dialler.send(message: message, cookie: 1, now: pair.now) == .tooLarge)
        #expect(pair.dialler.takeOutbound() == nil)
        #expect(pair.dialler.requestsInFlight == 0)
        message.mime = ByteBuffer(repeating: 0x41, count: 65_000)
        guard case .sent = pair.dialler.send(message: message, cookie: 1, now: pair.now) else {
            Issue.record("not sent")
            return
        }
    }

    @Test("I.1.1: an answer that cannot be read leaves its request uncertain, and the connection open")
    func unreadable() throws {
        var lone = Lone()
        _ = lone.machine.send(message: try Samples.message(), cookie: 5, now: lone.now)
        let events = lone.after(octets("00000006 0020 02 00 00000001  8120 00000000"))
        guard case .unreadableAnswer(5, let error) = events.first else {
            Issue.record("\(events)")
            return
        }
        #expect(error.code == .notUnderstood)
        #expect(lone.machine.requestsInFlight == 0)
    }

    @Test("I.1.3: a late answer to a request that was given up is counted and passed over")
    func late() throws {
        var lone = Lone()
        guard case .sent(let tag) = lone.machine.send(message: try Samples.message(), cookie: 5, now: lone.now) else {
            Issue.record("not sent")
            return
        }
        lone.machine.abandon(tag: tag)
        #expect(lone.machine.requestsInFlight == 1)
        #expect(lone.after(octets("00000008 0020 02 00 00000001  0120 00000002 07D0")).isEmpty)
        #expect(lone.machine.counters.lateAnswers == 1)
        #expect(lone.machine.requestsInFlight == 0)
    }
}
