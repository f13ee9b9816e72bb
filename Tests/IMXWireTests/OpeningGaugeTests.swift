// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import IMXWire

private let noise = octets("00000000 1A1A 00 00 00000000")

/// A CLAIM that is well formed.
private func claim(_ tag: UInt32) -> ByteBuffer {
    var out = ByteBuffer()
    ClaimRecord(source: text("a.example"), target: text("b.example"), token: range(0, 16)).write(to: &out, tag: tag)
    return out
}

private func verify(_ tag: UInt32) -> ByteBuffer {
    var out = ByteBuffer()
    VerifyRecord(source: text("b.example"), target: text("a.example"), token: range(0, 16), secret: range(0, 32))
        .write(to: &out, tag: tag)
    return out
}

@Suite("Before authentication") struct OpeningGaugeTests {
    @Test(
        "S36, I.1.1: a stranger has 10 s from the start, whatever it trickles in",
        arguments: ["silent", "noise", "octets"]
    )
    func absolute(kind: String) {
        var lone = Lone()
        var events: [Inbound] = []
        for second in 0..<9 {
            if kind == "noise" { events += lone.after(noise) }
            if kind == "octets" { events += lone.after(noise.getSlice(at: second, length: 1) ?? ByteBuffer()) }
            events += lone.after(seconds: 1)
        }
        #expect(events.isEmpty)
        #expect(lone.machine.nextWake == lone.now + .seconds(1))
        #expect(failure(lone.after(seconds: 1)) == .timedOut)
        #expect(lone.sent.records.last?.header.type == .close, "it is told")
    }

    @Test("S36: a HELLO that comes late counts from the start too")
    func lateHello() {
        var lone = Lone(open: false)
        _ = lone.after(octets("89494D580D0A1A0A"))
        _ = lone.after(seconds: 9)
        var hello = ByteBuffer()
        Pair.hello(1, dialled: "b.example").write(to: &hello)
        _ = lone.after(hello)
        lone.machine.accept(now: lone.now)
        #expect(ending(lone.events()) == nil)
        #expect(failure(lone.after(seconds: 1)) == .timedOut)
    }

    @Test("I.1.1: the time stands still while an answer to a claim is owed")
    func owed() {
        var lone = Lone()
        _ = lone.after(seconds: 4)
        #expect(lone.after(claim(1)).count == 1)
        #expect(lone.after(seconds: 25).isEmpty)
        lone.machine.answer(.notVerifiedNow, to: .claim, tag: 1, now: lone.now)
        #expect(lone.after(seconds: 5).isEmpty, "six seconds were left")
        #expect(failure(lone.after(seconds: 1)) == .timedOut)
    }

    @Test("I.1.1: claims without end keep nobody longer than 60 s")
    func lastEnd() {
        var lone = Lone()
        var events: [Inbound] = []
        var lasted = 0
        for round in 1..<30 where ending(events) == nil {
            events += lone.after(claim(UInt32(round)))
            events += lone.after(seconds: 20)
            lasted += 20
            lone.machine.answer(.notVerifiedNow, to: .claim, tag: UInt32(round), now: lone.now)
            events += lone.events()
        }
        #expect(failure(events) == .timedOut)
        #expect(lasted == 60)
    }

    @Test("G.3-17, IMX 6.3.1: whoever verifies a claim of ours may stay, and ask as often as it is right")
    func verifyLeg() {
        var lone = Lone()
        var events: [Inbound] = []
        for tag in 1..<500 as Range<UInt32> {
            events += lone.after(verify(tag))
            lone.machine.vouch()
            lone.machine.answer(.delivered, to: .verify, tag: tag, now: lone.now)
            if tag % 50 == 0 { events += lone.after(seconds: 30) }
        }
        #expect(events.count == 499 && ending(events) == nil)
        _ = lone.after(seconds: 59)
        #expect(!lone.machine.hasSentLast)
        _ = lone.after(seconds: 1)
        #expect(lone.machine.hasSentLast, "idle for 60 s")
        #expect(!lone.machine.isAuthenticated)
    }

    @Test("G.3-18: a VERIFY that was wrong gains nothing")
    func wrongVerify() {
        var lone = Lone()
        for tag in 1..<20 as Range<UInt32> {
            _ = lone.after(verify(tag))
            lone.machine.answer(.notVerified, to: .verify, tag: tag, now: lone.now)
        }
        #expect(failure(lone.after(seconds: 10)) == .timedOut)
        var many = Lone()
        var events: [Inbound] = []
        for tag in 1..<100 as Range<UInt32> {
            events += many.after(verify(tag))
            many.machine.answer(.notVerified, to: .verify, tag: tag, now: many.now)
        }
        #expect(failure(events) == .rateLimited)
    }

    @Test("I.1.1: at the dialling end answers to what was asked do not count, and nothing else is free")
    func answers() {
        var lone = Lone(.dialler)
        for cookie in 0..<300 as Range<UInt64> {
            let result = lone.machine.send(
                verify: VerifyRecord(source: text("b"), target: text("a"), token: range(0, 16), secret: range(0, 32)),
                cookie: cookie,
                now: lone.now
            )
            guard case .sent(let tag) = result else {
                Issue.record("\(cookie) \(result)")
                return
            }
            var answer = ByteBuffer()
            AnswerRecord(.notVerified, text: "not verified").write(to: &answer, answering: .verify, tag: tag)
            #expect(lone.after(answer).count == 1)
        }
        var events: [Inbound] = []
        for _ in 0..<70 { events += lone.after(octets("00000008 0011 02 00 0000FFFF  0120 00000002 07D0")) }
        #expect(failure(events) == .rateLimited, "answers to nothing count")
    }

    @Test("I.1.1: data behind the record that authenticates does not count against the time before")
    func sameRead() {
        var lone = Lone()
        var read = claim(1)
        for _ in 0..<1000 {
            read.writeImmutableBuffer(octets("00000010 1A1A 00 00 00000000"))
            read.writeRepeatingByte(0, count: 16)
        }
        lone.feed(read)
        guard case .claim = lone.machine.next(now: lone.now) else {
            Issue.record("no claim")
            return
        }
        lone.machine.markAuthenticated()
        #expect(lone.events().isEmpty)
        #expect(lone.machine.counters.unknownRecords == 1000)
    }

    @Test("S36: an authenticated peer's record may take 30 s and a second for each 16 KiB, octet by octet or not")
    func slowRecord() {
        for (length, seconds) in [(0x10, 31), (0xFFFF, 35)] as [(UInt32, Int)] {
            var lone = Lone()
            lone.machine.markAuthenticated()
            var record = octets("00000000 1A1A 00 00 00000000")
            record.setInteger(length, at: 0)
            var events = lone.after(record)
            for second in 1..<seconds {
                events += lone.after(ByteBuffer(bytes: second % 8 == 0 ? [0] : []))
                events += lone.after(seconds: 1)
            }
            #expect(ending(events) == nil, "\(length)")
            #expect(failure(lone.after(seconds: 1)) == .timedOut, "\(length)")
        }
    }
}

@Suite("Records that move nothing forward") struct IdleRecordGaugeTests {
    @Test("S41: a burst passes, a flood rests for as long as it is too much, a trickle never does")
    func gauge() {
        var gauge = IdleRecordGauge(perSecond: 100, burst: 1000)
        var now = Instant(nanoseconds: 5_000_000_000)
        var total = 1000
        #expect(gauge.rest(total: total, now: now) == nil)
        total += 1
        #expect(gauge.rest(total: total, now: now) == .seconds(5))
        now = now + .seconds(5)
        #expect(gauge.rest(total: total, now: now) == nil)
        total += 400
        #expect(gauge.rest(total: total, now: now) == nil, "half of the burst was earned back")
        for _ in 0..<10_000 {
            now = now + .milliseconds(10)
            total += 1
            #expect(gauge.rest(total: total, now: now) == nil)
        }
        total += 1_000_000_000
        #expect(gauge.rest(total: total, now: now) == IdleRecordGauge.longestRest)
    }

    @Test("S40, S41, I.1.4: floods of unknown records, PING and answers to nothing are counted, and none costs memory")
    func counted() {
        for record in [
            "00000000 1A1A 00 00 00000000", "00000000 0777 01 00 00000009", "00000000 0004 01 00 00000003",
            "00000008 0020 02 00 00000007  0120 00000002  07D0", "00000000 0020 03 00 00000007",
            "00000000 0020 01 00 00000007", "00000000 0041 00 00 00000000",
        ] {
            var lone = Lone()
            lone.machine.markAuthenticated()
            for _ in 0..<1000 {
                #expect(ending(lone.after(octets(record))) == nil)
                lone.sent = ByteBuffer()
            }
            #expect(lone.machine.counters.idleRecords == 1000, "\(record)")
            #expect(lone.machine.requestsOwed == 0)
        }
    }
}
