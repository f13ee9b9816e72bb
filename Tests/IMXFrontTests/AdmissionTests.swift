// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import Testing

@testable import IMXFront

private let start = Instant(nanoseconds: 600_000_000_000)

@Suite("Which connections are taken") struct AdmissionTests {
    private func admission(_ change: (inout AdmissionLimits) -> Void = { _ in }) -> ConnectionAdmission {
        var limits = AdmissionLimits()
        limits.newPerAddress = 60_000
        limits.newPerNetwork = 60_000
        change(&limits)
        return ConnectionAdmission(limits: limits)
    }

    /// How many of these are taken, and why the first that is not is turned away.
    private func take(
        _ admission: inout ConnectionAdmission,
        _ addresses: [String],
        now: Instant = start
    ) -> (Int, ConnectionAdmission.Refusal?) {
        var taken = 0
        var first: ConnectionAdmission.Refusal?
        for address in addresses {
            if let refusal = admission.admit(SourceAddress(address), now: now) {
                first = first ?? refusal
            } else {
                taken += 1
            }
        }
        return (taken, first)
    }

    @Test("S36: so many from one address, so many from one network, whatever the others do")
    func caps() {
        var it = admission()
        let one = take(&it, Array(repeating: "192.0.2.1", count: 100))
        #expect(one == (64, .tooManyFromAddress))
        let neighbours = take(&it, (2..<250).flatMap { Array(repeating: "192.0.2.\($0)", count: 2) })
        #expect(neighbours == (192, .tooManyFromNetwork))
        let elsewhere = take(&it, ["192.0.3.1"])
        #expect(elsewhere == (1, nil))
        for _ in 0..<64 { it.left(SourceAddress("192.0.2.1"), wasAuthenticated: false) }
        let again = take(&it, ["192.0.2.1"])
        #expect(again == (1, nil) && it.open == 194 && it.unauthenticated == 194)
    }

    @Test("S36: a thousand addresses of one IPv6 /64 are one source, and a /56 is one network")
    func ipv6() {
        var it = admission()
        let one = take(&it, (0..<1000).map { "2001:db8:1:2:\(String($0, radix: 16))::1" })
        #expect(one == (64, .tooManyFromAddress))
        let neighbours = take(
            &it,
            (3..<256).flatMap { Array(repeating: "2001:db8:1:\(String($0, radix: 16))::1", count: 4) }
        )
        #expect(neighbours == (192, .tooManyFromNetwork))
        let elsewhere = take(&it, ["2001:db8:1:100::1"])
        #expect(elsewhere == (1, nil))
    }

    @Test("S36: an IPv4 address in IPv6 form is the same address, and what is no address is one source")
    func forms() {
        #expect(SourceAddress("::ffff:192.0.2.1") == SourceAddress("192.0.2.1"))
        #expect(SourceAddress("::FFFF:c000:201") == SourceAddress("192.0.2.1"))
        #expect(SourceAddress("192.0.2.1") != SourceAddress("192.0.2.2"))
        #expect(SourceAddress("192.0.2.1").network == SourceAddress("192.0.2.2").network)
        #expect(SourceAddress("2001:db8::1") == SourceAddress("2001:db8::ffff"))
        #expect(SourceAddress("unknown") == SourceAddress("fe80::1%eth0"))
    }

    @Test("S36, S41: new connections are counted by the minute, for an address and for its network")
    func rate() {
        var it = admission {
            $0.newPerAddress = 300
            $0.newPerNetwork = 900
        }
        func come(_ address: String, _ count: Int, at now: Instant) -> (Int, ConnectionAdmission.Refusal?) {
            var taken = 0
            var refusal: ConnectionAdmission.Refusal?
            for _ in 0..<count {
                refusal = it.admit(SourceAddress(address), now: now)
                guard refusal == nil else { continue }
                taken += 1
                it.left(SourceAddress(address), wasAuthenticated: false)
            }
            return (taken, refusal)
        }
        #expect(come("192.0.2.1", 1000, at: start) == (300, .tooFast))
        #expect(come("192.0.3.1", 10, at: start) == (10, nil))
        // Attempts that are turned away count for the network too.
        #expect(come("192.0.2.2", 10, at: start) == (0, .tooFast))
        #expect(come("192.0.2.1", 300, at: start + .seconds(60)) == (300, nil))
    }

    @Test("dialback 2, S08: strangers leave room for addresses that are known, and for those that were called")
    func reserve() {
        var it = admission {
            $0.unauthenticated = 100
            $0.perNetwork = 1000
        }
        let known = SourceAddress("198.51.100.1")
        let called = SourceAddress("198.51.100.2")
        #expect(it.admit(known, now: start) == nil)
        it.authenticated(known, now: start)
        it.left(known, wasAuthenticated: true)
        let crowd = take(&it, (0..<200).map { "203.0.\($0).1" })
        #expect(crowd == (75, .tooManyUnauthenticated))
        #expect(it.admit(called, now: start) == .tooManyUnauthenticated)
        it.call(called)
        #expect(it.admit(called, now: start) == nil, "whom we ask for trust comes and asks back")
        it.hangUp(called)
        #expect(it.admit(called, now: start) == .tooManyUnauthenticated)
        #expect(it.admit(known, now: start) == nil)
        it.authenticated(known, now: start)
        let nextDay = start + .seconds(86_399)
        #expect(it.admit(known, now: nextDay) == nil)
        #expect(it.admit(known, now: start + .seconds(86_400)) == .tooManyUnauthenticated)
    }

    @Test("S36: connections in all are bounded, a sixteenth kept for addresses that are known")
    func inAll() {
        var it = admission {
            $0.connections = 160
            $0.unauthenticated = 1000
        }
        let crowd = take(&it, (0..<255).map { "203.0.\($0).1" })
        #expect(crowd == (150, .tooMany))
        it.call(SourceAddress("198.51.100.2"))
        #expect(it.admit(SourceAddress("198.51.100.2"), now: start) == nil)
    }

    @Test("IMX 4.3.2: a domain is trusted on so many connections, and on another one when one of them is over")
    func provedDomains() throws {
        var it = ProvedDomains()
        let (a, b) = (try #require(Domain("a.example")), try #require(Domain("b.example")))
        func handle(_ number: UInt64) -> ConnectionHandle { .init(rawValue: number) }
        func admit(_ domain: Domain, _ number: UInt64, until: Instant = start + .seconds(100)) -> Bool {
            guard it.admits(domain, on: handle(number), most: 2, now: start) else { return false }
            it.note(domain, on: handle(number), until: until, most: 9, now: start)
            return true
        }
        let first = [admit(a, 1), admit(a, 2, until: start + .seconds(10)), admit(a, 3), admit(b, 3), admit(a, 1)]
        #expect(first == [true, true, false, true, true])
        it.left(handle(1))
        let second = [admit(a, 3), admit(a, 4)]
        #expect(second == [true, false])
        let later = start + .seconds(10)
        let atLast = [
            it.admits(a, on: handle(4), most: 2, now: start + .seconds(9)),
            it.admits(a, on: handle(4), most: 2, now: later),
        ]
        #expect(atLast == [false, true], "trust that has run out takes no place")
        it.forget(a, on: handle(3))
        #expect(it.count == 1)
        // Domains that come and go on one connection do not pile up.
        for number in 0..<1000 {
            let domain = try #require(Domain("d\(number).example"))
            let now = later + .seconds(number)
            it.note(domain, on: handle(3), until: now + .seconds(5), most: 9, now: now)
        }
        #expect(it.count <= 10)
        it.left(handle(3))
        #expect(it.count == 0)
    }

    @Test("S42: what is remembered of a million sources has a bounded size")
    func bounded() {
        var sketch = RateSketch<UInt64>()
        for key in 0..<1_000_000 as Range<UInt64> { _ = sketch.count(key, now: start) }
        #expect(sketch.count(7, now: start + .seconds(60)) == 1)
        for key in 0..<10_000 as Range<UInt64> { _ = sketch.count(key, now: start + .seconds(60)) }
        #expect(sketch.count(7, now: start + .seconds(60)) < 10)
        var memory = RecentKeys<Int>(limit: 100, life: .seconds(10))
        for key in 0..<100_000 { memory.note(key, now: start) }
        #expect((0..<100_000).filter { memory.contains($0, now: start) }.count == 100)
        #expect(
            memory.contains(99_999, now: start + .seconds(9)) && !memory.contains(99_999, now: start + .seconds(10))
        )
    }
}

@Suite("The clock of the connections") struct ConnectionClockTests {
    @Test("every connection is looked at in its turn, after any sleep")
    func turns() {
        var clock = ConnectionClock(now: start)
        let times = [1, 499, 500, 10_000, 63_000, 200_000]
        for (index, time) in times.enumerated() {
            _ = clock.file(.init(rawValue: UInt64(index)), at: start + .milliseconds(time))
        }
        var seen: [UInt64: Int] = [:]
        for step in 0..<140 {
            clock.due(now: start + .milliseconds(500 * step)) { handle, _ in seen[handle.rawValue] = step * 500 }
        }
        #expect(seen == [0: 500, 1: 500, 2: 1000, 3: 10_500, 4: 63_500, 5: 63_500])
        let turn = clock.file(.init(rawValue: 9), at: start + .seconds(80))
        var late: [(UInt64, Bool)] = []
        clock.due(now: start + .seconds(8000)) { late.append(($0.rawValue, $1 >= turn)) }
        #expect(late.map(\.0) == [9] && late.allSatisfy(\.1))
    }
}

@Suite("Crowds that have gone") struct CrowdGaugeTests {
    @Test("S20: the end of a crowd is told once, when its last has left a while ago")
    func gone() {
        var gauge = CrowdGauge()
        var told: [Int] = []
        let counts = [3, 400, 900, 5000, 5000, 4000, 100, 3, 3, 3, 3, 3, 3, 3, 3, 3, 300, 3, 3, 3, 3, 3, 3, 3]
        for (step, count) in counts.enumerated() where gauge.hasGone(count, now: start + .milliseconds(500 * step)) {
            told.append(step)
        }
        #expect(told == [11])
        #expect(!gauge.isWatching(3))
    }
}
