// SPDX-License-Identifier: Apache-2.0
import Discovery
import EnvelopeModel
import Testing

/// What is kept, merged, and refused.
@Suite struct CacheTests {
    @Test("I.2: an answer is kept as long as the shortest time to live on the way, and then asked for again")
    func positive() throws {
        let bed = FakeBed()
        try bed.source.serve("b.example", seconds: 300)
        bed.source.put("h.b.example", NumericAddress.typeA, [[192, 0, 2, 1]], seconds: 100)
        bed.source.put("h.b.example", NumericAddress.typeAAAA, .noData, seconds: 200)
        #expect(bed.service("b.example")?.expiry == bed.now + .seconds(100))
        let asked = bed.source.asked.count
        bed.wait(99)
        #expect(bed.service("b.example") != nil && bed.source.asked.count == asked)
        bed.wait(1)
        #expect(bed.service("b.example") != nil && bed.source.asked.count == 2 * asked)
        #expect(bed.resolver.counts.cached == 1 && bed.resolver.counts.lookups == 2)
        #expect(bed.resolver.counts.asked == 2 * asked && bed.resolver.counts.found == 2)
    }

    @Test(
        "I.2: times to live are clamped, and 0 is used once",
        arguments: [(0, 0), (1, 5), (5, 5), (60, 60), (3600, 3600), (86_400, 3600), (UInt32.max, 3600)]
            as [(UInt32, Int)]
    )
    func clamps(seconds: UInt32, kept: Int) throws {
        let bed = FakeBed()
        try bed.source.serve("b.example", seconds: seconds)
        bed.source.put("h.b.example", NumericAddress.typeAAAA, .noData, seconds: .max)
        #expect(bed.service("b.example")?.expiry == bed.now + .seconds(kept))
        let asked = bed.source.asked.count
        #expect(bed.service("b.example") != nil)
        #expect(bed.source.asked.count == (kept == 0 ? 2 : 1) * asked)
    }

    @Test("I.2: absence and failure are kept for times of their own")
    func negative() throws {
        let bed = FakeBed()
        for (status, seconds, kept) in [
            (DNSAnswer.Status.noName, 1, 30), (.noName, 100, 100), (.noName, 86_400, 900), (.failed("x"), 0, 10),
            (.bogus("x"), 0, 10),
        ] as [(DNSAnswer.Status, UInt32, Int)] {
            bed.source.put("b.example", IMXRecord.type, status, seconds: seconds)
            bed.resolver.forget(try #require(Domain("b.example")))
            let asked = bed.source.asked.count
            _ = bed.resolve("b.example")
            bed.wait(kept - 1)
            _ = bed.resolve("b.example")
            #expect(bed.source.asked.count == asked + 1, "\(status)")
            bed.wait(1)
            _ = bed.resolve("b.example")
            #expect(bed.source.asked.count == asked + 2, "\(status)")
        }
    }

    @Test("S07: equal look-ups at a time are one, and all who wait are answered")
    func merged() throws {
        let bed = FakeBed({ $0.waiters = 100 })
        try bed.source.serve("b.example")
        bed.source.holds = true
        let domain = try #require(Domain("b.example"))
        var found = 0
        var refused = 0
        for _ in 0..<101 {
            bed.resolver.resolve(domain) { if case .service = $0 { found += 1 } else { refused += 1 } }
        }
        #expect(bed.source.asked.count == 1 && refused == 1)
        bed.source.release()
        #expect(found == 100 && bed.resolver.counts.merged == 99 && bed.resolver.counts.refused == 1)
    }

    @Test("I.2: what is forgotten is asked for anew, also while a look-up of it is under way")
    func forgotten() throws {
        let bed = FakeBed()
        let domain = try #require(Domain("b.example"))
        try bed.source.serve("b.example")
        #expect(bed.service("b.example") != nil)
        let asked = bed.source.asked.count
        bed.resolver.forget(domain)
        bed.source.holds = true
        #expect(bed.resolve("b.example") == nil)
        bed.resolver.forget(domain)
        bed.source.release()
        #expect(bed.source.asked.count == 2 * asked)
        #expect(bed.service("b.example") != nil && bed.source.asked.count == 3 * asked)
    }

    @Test("S50: names made up below one zone use up that zone's budget alone, and it comes back")
    func zoneBudget() throws {
        let bed = FakeBed({ $0.perZone = .init(burst: 20, perSecond: 2) })
        try bed.source.serve("good.victim.example")
        try bed.source.serve("other.example")
        #expect(bed.service("good.victim.example") != nil)
        for index in 0..<1000 {
            // Whether the random label stands alone or has others below it.
            _ = bed.resolve(index.isMultiple(of: 2) ? "x\(index).victim.example" : "a.b.x\(index).victim.example")
        }
        #expect(bed.resolver.counts.lookups == 20)
        #expect(
            bed.resolve("y.victim.example")?.text
                == "unavailable: there are too many look-ups below victim.example at this moment"
        )
        #expect(bed.service("other.example") != nil)
        // A domain that is known from before is not the flood's.
        bed.wait(61)
        for index in 0..<1000 { _ = bed.resolve("z\(index).victim.example") }
        #expect(bed.service("good.victim.example") != nil)
        #expect(bed.resolver.counts.lookups == 20 + 1 + 20 + 1)
    }

    @Test("S07: look-ups in all are bounded, at a time and within a time")
    func wholeBudget() throws {
        let bed = FakeBed({
            $0.inAll = .init(burst: 50, perSecond: 10); $0.lookups = 5
        })
        for index in 0..<200 { _ = bed.resolve("x\(index).example") }
        #expect(bed.resolver.counts.lookups == 50)
        bed.wait(2)
        bed.source.holds = true
        for index in 200..<400 { _ = bed.resolve("x\(index).example") }
        #expect(bed.resolver.counts.lookups == 55)
        bed.source.release()
        for index in 400..<600 { _ = bed.resolve("x\(index).example") }
        #expect(bed.resolver.counts.lookups == 70)
    }

    @Test("S07: a flood of names pushes no found domain out of what is kept")
    func floodKeepsGood() throws {
        let bed = FakeBed({
            $0.keptAnswers = 100; $0.perZone = .init(burst: 100_000, perSecond: 1)
            $0.inAll = .init(burst: 100_000, perSecond: 1)
        })
        try bed.source.serve("good.example", seconds: 600)
        #expect(bed.service("good.example") != nil)
        let asked = bed.source.asked.count
        for index in 0..<5000 {
            bed.source.put("x\(index).bad", IMXRecord.type, .noName)
            _ = bed.resolve("x\(index).bad")
        }
        #expect(bed.service("good.example") != nil && bed.source.asked.count == asked + 5000)
    }
}
