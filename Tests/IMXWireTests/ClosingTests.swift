// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import TestSupport
import Testing

@testable import IMXWire

private func close(_ lastTag: UInt32, _ code: OutcomeCode = .delivered) -> ByteBuffer {
    var out = ByteBuffer()
    CloseRecord(code: code, lastTag: lastTag).write(to: &out)
    return out
}

@Suite struct ClosingTests {
    @Test("IMX 4.4.3: an orderly close loses no request that is under way in either direction")
    func orderly() throws {
        var pair = Pair()
        _ = try pair.sendMessage(cookie: 1)
        _ = pair.acceptor.send(message: try Samples.message(), cookie: 2, now: pair.now)
        pair.dialler.close(now: pair.now)
        #expect(try pair.sendMessage() == .notOpen)
        pair.run()
        #expect(pair.acceptor.phase == .open && pair.dialler.phase == .open)
        #expect(!pair.acceptor.isOpen)
        pair.acceptor.answer(.delivered, to: .message, tag: 1, now: pair.now)
        pair.run()
        #expect(pair.dialler.phase == .open)
        pair.dialler.answer(.delivered, to: .message, tag: 1, now: pair.now)
        pair.run()
        #expect(ending(pair.diallerSaid) == .orderly)
        #expect(ending(pair.acceptorSaid) == .orderly)
        let answers = (pair.diallerSaid + pair.acceptorSaid).filter { if case .answer = $0 { true } else { false } }
        #expect(answers.count == 2)
        #expect(pair.dialler.takeRemaining().isEmpty && pair.acceptor.takeRemaining().isEmpty)
    }

    @Test("IMX 4.4.3: the last tag tells which requests were not taken, in order of arrival")
    func lastTag() throws {
        var lone = Lone()
        for cookie in 1...5 as ClosedRange<UInt64> {
            _ = lone.machine.send(message: try Samples.message(), cookie: cookie * 10, now: lone.now)
        }
        _ = lone.after(octets("00000008 0020 02 00 00000002  0120 00000002 07D0"))
        let events = lone.after(close(3, .internalError))
        guard case .closing(let record) = events.first else {
            Issue.record("\(events)")
            return
        }
        #expect(record.lastTag == 3)
        #expect(lone.machine.takeUnhandled() == [40, 50])
        #expect(lone.machine.takeRemaining() == [10, 30])
        #expect(lone.machine.takeRemaining().isEmpty)
        #expect(ending(events) == .closedByPeer(.internalError))
    }

    @Test("IMX 4.4.3: the last tag may be that of a request already answered, or of none", arguments: [0, 1, 2, 3])
    func answeredTag(lastTag: UInt32) throws {
        var lone = Lone()
        for cookie in 1...3 as ClosedRange<UInt64> {
            _ = lone.machine.send(message: try Samples.message(), cookie: cookie, now: lone.now)
        }
        _ = lone.after(octets("00000008 0020 02 00 00000001  0120 00000002 07D0"))
        _ = lone.after(close(lastTag))
        #expect(lone.machine.takeUnhandled() == ([2, 3] as [UInt64]).filter { $0 > lastTag })
    }

    @Test("IMX 4.4.3: while the peer only drains, nothing counts as not taken")
    func draining() throws {
        var lone = Lone()
        _ = lone.machine.send(message: try Samples.message(), cookie: 1, now: lone.now)
        _ = lone.after(close(CloseRecord.draining))
        #expect(lone.machine.takeUnhandled().isEmpty)
        #expect(!lone.machine.isOpen)
        let events = lone.after(octets("00000008 0020 02 00 00000001  0120 00000002 07D0"))
        #expect(events.count == 1)
    }

    @Test("IMX 4.4.3: our CLOSE names the last request taken, refused ones included")
    func ownLastTag() throws {
        var lone = Lone()
        for tag in [9, 4, 7] as [UInt32] {
            var out = ByteBuffer()
            try Samples.message().write(to: &out, tag: tag)
            _ = lone.after(out)
        }
        _ = lone.after(octets("00000000 0777 01 00 00000005"))
        lone.machine.abort(IMXError(.internalError, "x", scope: .connection))
        #expect(failure(lone.events()) == .internalError)
        let record = try #require(lone.sent.records.last)
        #expect(try CloseRecord(payload: record.octets.payload).lastTag == 5)
    }

    @Test("I.1.3: what comes after our last CLOSE is not taken, but answers still count")
    func afterLast() throws {
        var lone = Lone()
        _ = lone.machine.send(message: try Samples.message(), cookie: 1, now: lone.now)
        _ = lone.after(octets("00000000 0004 01 00 00000006"))
        lone.machine.close(now: lone.now)
        _ = lone.after(seconds: 30)
        #expect(lone.machine.hasSentLast)
        #expect(try CloseRecord(payload: try #require(lone.sent.records.last).octets.payload).lastTag == 6)
        var out = ByteBuffer()
        try Samples.message().write(to: &out, tag: 8)
        #expect(lone.after(out).isEmpty)
        #expect(lone.after(octets("00000008 0020 02 00 00000001  0120 00000002 07D0")).count == 1)
        #expect(ending(lone.after(close(0))) == .orderly)
    }

    @Test("I.1.3: work in flight has 30 s, the peer's CLOSE 10 s more")
    func impatience() throws {
        var lone = Lone()
        lone.machine.markAuthenticated()
        _ = lone.machine.send(message: try Samples.message(), cookie: 1, now: lone.now)
        lone.machine.close(now: lone.now)
        _ = lone.after(seconds: 29)
        #expect(!lone.machine.hasSentLast)
        _ = lone.after(seconds: 1)
        #expect(lone.machine.hasSentLast)
        #expect(lone.after(seconds: 9).isEmpty)
        #expect(failure(lone.after(seconds: 1)) == .timedOut)
        #expect(lone.machine.takeRemaining() == [1])
    }

    @Test("I.1.3: both ends close at once, and both end in order")
    func crossing() throws {
        var pair = Pair()
        _ = try pair.sendMessage()
        pair.dialler.close(now: pair.now)
        pair.acceptor.close(now: pair.now)
        pair.run()
        pair.acceptor.answer(.delivered, to: .message, tag: 1, now: pair.now)
        pair.run()
        #expect(ending(pair.diallerSaid) == .orderly)
        #expect(ending(pair.acceptorSaid) == .orderly)
    }

    @Test("I.1.3: requests that cross the first CLOSE are taken")
    func crossingRequest() throws {
        var pair = Pair()
        pair.acceptor.close(now: pair.now)
        _ = try pair.sendMessage(cookie: 3)
        pair.run()
        let messages = pair.acceptorSaid.filter { if case .message = $0 { true } else { false } }
        #expect(messages.count == 1)
        pair.acceptor.answer(.delivered, to: .message, tag: 1, now: pair.now)
        pair.run()
        #expect(ending(pair.diallerSaid) == .orderly)
        #expect(pair.diallerSaid.contains { if case .answer(3, _) = $0 { true } else { false } })
    }

    @Test("IMX 4.4.3: an end without CLOSE is told apart from one with it")
    func lost() throws {
        var lone = Lone()
        _ = lone.machine.send(message: try Samples.message(), cookie: 1, now: lone.now)
        lone.machine.transportClosed()
        #expect(ending(lone.events()) == .lost)
        #expect(lone.machine.takeUnhandled().isEmpty)
        #expect(lone.machine.takeRemaining() == [1])
        var draining = Lone()
        _ = draining.after(close(CloseRecord.draining))
        draining.machine.transportClosed()
        #expect(ending(draining.events()) == .lost)
    }

    @Test("I.1.2: a CLOSE that cannot be read closes the connection")
    func badClose() {
        var lone = Lone()
        #expect(failure(lone.after(octets("00000000 0002 00 00 00000000"))) == .malformed)
    }

    @Test("I.1.1: CLOSE instead of HELLO ends the opening with the peer's code")
    func insteadOfHello() {
        var lone = Lone(.dialler, open: false)
        _ = lone.after(octets("89494D580D0A1A0A"))
        #expect(ending(lone.after(close(0, .notServedHere))) == .closedByPeer(.notServedHere))
    }

    @Test("I.1.3: nothing is said after the end")
    func afterEnd() {
        var lone = Lone()
        lone.machine.transportClosed()
        _ = lone.events()
        #expect(lone.after(octets("00000000 0004 01 00 00000003")).isEmpty)
        #expect(lone.sent.readableBytes == 0)
        #expect(lone.machine.nextWake == nil)
    }
}

@Suite struct RequestWindowTests {
    @Test("I.1.3: tags are unique among what is in flight, and their order outlives their answers")
    func order() {
        var window = RequestWindow(space: 3)
        var generator = SeededGenerator(seed: 7)
        var open: [(tag: UInt32, cookie: UInt64)] = []
        for cookie in 0..<20_000 as Range<UInt64> {
            let tag = window.add(.message, cookie: cookie)
            #expect(tag >> 20 == 3)
            open.append((tag, cookie))
            while open.count > Int.random(in: 1...300, using: &generator) {
                let index = Int.random(in: 0..<open.count, using: &generator)
                let taken = open.remove(at: index)
                #expect(window.remove(taken.tag)?.cookie == taken.cookie)
                #expect(window.remove(taken.tag)?.cookie == nil)
            }
        }
        #expect(window.count == open.count)
        let middle = open[open.count / 2]
        #expect(window.takeAll(after: middle.tag) == open.filter { $0.cookie > middle.cookie }.map(\.cookie))
        #expect(window.takeAll() == open.filter { $0.cookie <= middle.cookie }.map(\.cookie))
        #expect(window.count == 0)
    }

    @Test("I.1.3: a request that stays unanswered for millions of others keeps its tag to itself")
    func wrap() {
        var window = RequestWindow(space: 0, last: (1 << 40) - 500)
        let stuck = window.add(.message, cookie: 99)
        for cookie in 0..<1000 as Range<UInt64> {
            let tag = window.add(.message, cookie: cookie)
            if tag == stuck || tag == 0 || window.remove(tag)?.cookie != cookie {
                Issue.record("tag \(tag) for \(cookie)")
                return
            }
        }
        #expect(window.takeAll(after: 5) == [])
        #expect(window.remove(stuck)?.cookie == 99)
    }

    @Test("I.1.3: no tag but its own finds a request")
    func foreign() {
        var window = RequestWindow(space: 0x123)
        let tag = window.add(.message, cookie: 1)
        for other in [tag &+ 16, tag &- 16, tag &+ 1, tag ^ 0x0010_0000, tag & 0xFFFFF, 0, .max] {
            #expect(window.remove(other)?.cookie == nil)
        }
        #expect(window.remove(tag, type: .report)?.cookie == nil)
        #expect(window.remove(tag, type: .message)?.cookie == 1)
        var top = RequestWindow(space: 0xFFE, last: (1 << 20) - 1)
        #expect(top.add(.message, cookie: 1) == 0xFFE0_0000)
        var bottom = RequestWindow(space: 0, last: (1 << 20) - 1)
        #expect(bottom.add(.message, cookie: 1) == 1)
    }

    @Test("I.1.3: a tag that was never sent stands before all others")
    func neverSent() {
        var window = RequestWindow(space: 1)
        _ = window.add(.message, cookie: 1)
        #expect(window.takeAll(after: 0x7654_3210) == [1])
    }
}
