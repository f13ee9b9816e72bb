// SPDX-License-Identifier: Apache-2.0
import Configuration
import Discovery
import EnvelopeModel
import Testing

@testable import imx

/// How often a running aggregator looks at its own domains' records, and what it tells.
@Suite struct RecordsWatchTests {
    /// A watch on a clock that the test moves.
    private final class Bed {
        private var clock = Instant(nanoseconds: 1_000_000_000)
        private var timers: [(due: Instant, order: Int, body: () -> Void)] = []
        private var made = 0
        var verdicts: [Domain: RecordsWatch.Verdict] = [:]
        /// How long a look takes.
        var time = Interval.milliseconds(100)
        private(set) var looked: [(Domain, Instant)] = []
        private(set) var told: [RecordsWatch.Notice] = []
        private(set) var atOnce = 0
        private(set) var mostAtOnce = 0
        private var watch: RecordsWatch?

        init(_ hosted: [Domain], every interval: Interval) {
            watch = RecordsWatch(
                hosted,
                every: interval,
                now: { [unowned self] in clock },
                timer: { [unowned self] in after($0, $1) },
                tell: { [unowned self] in told.append($0) }
            ) { [unowned self] domain, completion in
                looked.append((domain, clock))
                atOnce += 1
                mostAtOnce = max(mostAtOnce, atOnce)
                _ = after(time) { [unowned self] in
                    atOnce -= 1
                    completion(verdicts[domain] ?? .right)
                }
            }
            watch?.start()
        }

        var astray: [Domain] { watch?.astray.keys.sorted() ?? [] }
        func replace(_ hosted: [Domain]) { watch?.replace(hosted) }

        private func after(_ interval: Interval, _ body: @escaping () -> Void) -> () -> Void {
            made += 1
            let order = made
            timers.append((clock + interval, order, body))
            return { [unowned self] in timers.removeAll { $0.order == order } }
        }

        func advance(by interval: Interval) {
            let end = clock + interval
            while let next = timers.min(by: { ($0.due, $0.order) < ($1.due, $1.order) }), next.due <= end {
                timers.removeAll { $0.order == next.order }
                clock = max(clock, next.due)
                next.body()
            }
            clock = end
        }
    }

    private func names(_ count: Int) throws -> [Domain] {
        try (0..<count).map { try #require(Domain("d\($0).example")) }
    }

    @Test("Operator: 10,000 domains are looked at one by one, two in a second at most, and then all over again")
    func pace() throws {
        let bed = Bed(try names(10_000), every: .seconds(60))
        bed.advance(by: .seconds(60))
        #expect((80...120).contains(bed.looked.count))
        bed.advance(by: .seconds(6000))
        #expect(Set(bed.looked.map(\.0)).count == 10_000 && bed.mostAtOnce == 1)
        for start in stride(from: 0, to: 6000, by: 100) {
            let from = Instant(nanoseconds: 1_000_000_000) + .seconds(start)
            let window = bed.looked.filter { $0.1 >= from && $0.1 < from + .seconds(10) }
            #expect(window.count <= 20)
        }
    }

    @Test("Operator: few domains are looked at soon after the start, and once in each interval from then on")
    func interval() throws {
        let bed = Bed(try names(4), every: .seconds(3600))
        bed.advance(by: .seconds(10))
        #expect(bed.looked.count == 4)
        bed.advance(by: .seconds(3580))
        #expect(bed.looked.count == 4)
        bed.advance(by: .seconds(36_000))
        #expect((40...44).contains(bed.looked.count))
    }

    @Test("Operator: what is astray is told once, and once when it is mended; no answer changes nothing")
    func telling() throws {
        let hosted = try names(3)
        let bed = Bed(hosted, every: .seconds(60))
        bed.verdicts[hosted[1]] = .astray(["elsewhere"])
        bed.verdicts[hosted[2]] = .unknown("SERVFAIL")
        bed.advance(by: .seconds(200))
        let astray = bed.told.filter { $0 != .unknown(hosted[2], "SERVFAIL") }
        #expect(astray == [.astray(hosted[1], ["elsewhere"])] && bed.astray == [hosted[1]])
        bed.verdicts[hosted[1]] = .unknown("SERVFAIL")
        bed.advance(by: .seconds(200))
        #expect(bed.astray == [hosted[1]])
        bed.verdicts[hosted[1]] = .right
        bed.advance(by: .seconds(200))
        #expect(bed.told.filter { if case .unknown = $0 { false } else { true } }.last == .mended(hosted[1]))
        #expect(bed.astray.isEmpty)
    }

    @Test("Operator: a pass over domains that are all astray logs a hundred lines")
    func lines() throws {
        let hosted = try names(1000)
        let bed = Bed(hosted, every: .seconds(3600))
        for domain in hosted { bed.verdicts[domain] = .astray(["none"]) }
        bed.advance(by: .seconds(3000))
        #expect(bed.told.count == RecordsWatch.linesPerPass && bed.astray.count == 1000)
    }

    @Test(
        "Operator: after a reload, new domains and those that were astray are next, and those that left are forgotten"
    )
    func reload() throws {
        let hosted = try names(5)
        let bed = Bed(Array(hosted[0..<3]), every: .seconds(3600))
        for domain in hosted[0...1] { bed.verdicts[domain] = .astray(["none"]) }
        bed.advance(by: .seconds(60))
        bed.verdicts[hosted[1]] = .right
        bed.replace(Array(hosted[1...]))
        #expect(bed.astray == [hosted[1]])
        bed.advance(by: .seconds(10))
        #expect(bed.looked.suffix(3).map(\.0) == [hosted[1], hosted[3], hosted[4]] && bed.looked.count == 6)
        #expect(bed.astray.isEmpty)
        bed.replace([])
        bed.advance(by: .seconds(36_000))
        #expect(bed.looked.count == 6)
    }

    @Test("Operator: only what keeps strangers from finding a domain counts: no answer, or no TLS, does not")
    func verdicts() throws {
        let domain = try #require(Domain("acme.example"))
        var root: DNSAnswer?
        func verdict(_ resolution: Resolution, listen: String = "8.8.8.8", tls: Bool = false) -> RecordsWatch.Verdict {
            let report = LookupReport(resolution: resolution, seconds: 60, steps: [], refused: [])
            var facts = DNSFacts(domain: domain, report: report, answers: [:])
            facts.answers[DNSFacts.root] = root
            facts.own = DNSFacts.Own(
                isHosted: true,
                places: [Endpoint(host: listen, port: 5290, usesTLS: tls)],
                records: ZoneRecords(domain: domain, configuration: nil)
            )
            return DNSCheck(facts).verdict()
        }
        func service(_ address: String, tls: Bool = false) -> Resolution {
            let host = PeerService.Host(
                name: "h.example",
                addresses: [address],
                port: 5290,
                usesTLS: tls,
                preference: 10
            )
            return .service(PeerService(hosts: [host], origin: .imxRecord, security: .insecure))
        }
        func isAstray(_ verdict: RecordsWatch.Verdict, _ word: String) -> Bool {
            guard case .astray(let problems) = verdict else { return false }
            return problems.count == 1 && problems[0].contains(word)
        }
        #expect(verdict(service("8.8.8.8")) == .right)
        #expect(isAstray(verdict(service("8.8.4.4")), "no record leads to"))
        #expect(isAstray(verdict(service("8.8.8.8", tls: true)), "leads here with TLS"))
        #expect(isAstray(verdict(service("8.8.8.8"), tls: true), "leads here without TLS"))
        #expect(isAstray(verdict(.notFound("no such name")), "do not find"))
        #expect(isAstray(verdict(.bogus("bad signature")), "refuse the answers"))
        #expect(verdict(.unavailable("SERVFAIL")) == .unknown("SERVFAIL"))
        // Where nothing at all can be validated, it is not the domain's fault.
        root = DNSAnswer(.bogus("no DNSKEY"))
        #expect(verdict(.bogus("bad signature")) == .unknown("bad signature"))
        root = DNSAnswer(.data, records: [[0]])
        #expect(isAstray(verdict(.bogus("bad signature")), "refuse the answers"))
        // Behind a router that nobody told us of.
        #expect(verdict(service("8.8.4.4"), listen: "10.0.0.1") == .right)
    }
}
