// SPDX-License-Identifier: Apache-2.0
import Configuration
import Discovery
import EnvelopeModel
import Telemetry

/// Looks the hosted domains' own records up, as strangers do, again and again, and tells people where they do not lead
/// here.
///
/// One domain at a time, and at most two in a second however many there are. Confined to the event loop.
final class RecordsWatch {
    /// What a look at one domain's records came to.
    enum Verdict: Equatable {
        case right
        /// The DNS gave no answer; nothing is concluded from that.
        case unknown(String)
        /// Why strangers do not reach the domain here.
        case astray([String])
    }

    /// Looks at one domain's records and calls back once, on the event loop.
    typealias Look = (Domain, @escaping (Verdict) -> Void) -> Void

    /// What is wrong with one domain's records, and since when.
    struct Finding {
        var problems: [String]
        var since: WallTime
    }

    /// What people are told.
    enum Notice: Equatable {
        case astray(Domain, [String])
        case mended(Domain)
        case unknown(Domain, String)
    }

    /// The least time between the looks at two domains.
    static let pause = Interval.milliseconds(500)
    /// The most lines that one pass over the domains logs; status shows the others.
    static let linesPerPass = 100

    /// What is wrong now.
    private(set) var astray: [Domain: Finding] = [:]
    /// The domains whose records were right when they were last looked at.
    private(set) var right: Set<Domain> = []
    /// How often a domain was looked up.
    private(set) var looks: UInt64 = 0
    private let interval: Interval
    private let look: Look
    private let now: () -> Instant
    private let timer: DNSTimer
    private let tell: (Notice) -> Void
    private var hosted: [Domain]
    /// Whom this pass has not looked at yet; the last is the next.
    private var queue: [Domain] = []
    private var nextPass = Instant.start
    private var pace = RecordsWatch.pause
    private var hasPassed = false
    private var linesLeft = 0
    private var callOff: (() -> Void)?
    private var isLooking = false
    private var isStopped = false

    /// Makes a watch over `hosted` that looks at all of them once in each `interval`.
    init(
        _ hosted: [Domain],
        every interval: Interval,
        now: @escaping () -> Instant,
        timer: @escaping DNSTimer,
        tell: @escaping (Notice) -> Void,
        look: @escaping Look
    ) {
        self.hosted = hosted
        self.interval = interval
        self.now = now
        self.timer = timer
        self.tell = tell
        self.look = look
    }

    func start() { wait(.seconds(1)) }

    func stop() {
        isStopped = true
        callOff?()
        callOff = nil
    }

    /// Takes over which domains are hosted. New ones are looked at next, and those that were astray: perhaps somebody
    /// has just mended them.
    func replace(_ hosted: [Domain]) {
        let known = Set(self.hosted)
        let served = Set(hosted)
        self.hosted = hosted
        astray = astray.filter { served.contains($0.key) }
        right.formIntersection(served)
        let first = hosted.filter { !known.contains($0) || astray[$0] != nil }
        queue = queue.filter { served.contains($0) && !first.contains($0) } + first.reversed()
        if callOff != nil { wait(RecordsWatch.pause) }
    }

    private func wait(_ interval: Interval) {
        callOff?()
        callOff = timer(interval) { [weak self] in
            guard let self else { return }
            callOff = nil
            lookAtNext()
        }
    }

    private func lookAtNext() {
        guard !isLooking else { return }
        let now = now()
        if queue.isEmpty {
            guard now >= nextPass else { return wait(nextPass - now) }
            startPass(now)
        }
        guard let domain = queue.popLast() else { return wait(interval) }
        isLooking = true
        looks += 1
        look(domain) { [weak self] verdict in
            guard let self, !isStopped else { return }
            isLooking = false
            note(verdict, of: domain)
            wait(pace)
        }
    }

    private func startPass(_ now: Instant) {
        queue = hosted.reversed()
        nextPass = now + interval
        linesLeft = RecordsWatch.linesPerPass
        // The first pass is for whoever has just started the program; the others are spread over their time.
        let share = Interval(nanoseconds: interval.nanoseconds / Int64(max(1, hosted.count)))
        pace = hasPassed ? max(RecordsWatch.pause, share) : RecordsWatch.pause
        hasPassed = true
    }

    private func note(_ verdict: Verdict, of domain: Domain) {
        guard hosted.contains(domain) else { return }
        switch verdict {
        case .right:
            right.insert(domain)
            guard astray.removeValue(forKey: domain) != nil else { return }
            tell(.mended(domain))
        case .unknown(let reason):
            tell(.unknown(domain, reason))
        case .astray(let problems):
            right.remove(domain)
            let known = astray[domain]
            astray[domain] = Finding(problems: problems, since: known?.since ?? WallTime.now)
            guard known?.problems != problems, linesLeft > 0 else { return }
            linesLeft -= 1
            tell(.astray(domain, problems))
        }
    }
}

extension DNSCheck {
    /// What a running aggregator makes of the records: only what keeps strangers from finding it counts.
    func verdict() -> RecordsWatch.Verdict {
        if case .unavailable(let reason) = facts.report.resolution { return .unknown(reason) }
        if case .bogus(let reason) = facts.report.resolution, let root = facts.answers[DNSFacts.root],
            root.status != .data
        {
            return .unknown(reason)
        }
        guard let own = facts.own else { return .unknown("what is configured cannot be read") }
        // Where nothing here has an address that others connect to, something forwards to it, and nobody said where
        // that is.
        let isReachable = own.places.contains { facts.policy.refusal(of: $0.host, port: $0.port) == nil }
        let problems = report().findings.filter {
            $0.level == .wrong || $0.level == .warning && $0.topic == "aggregator" && isReachable
        }
        return problems.isEmpty ? .right : .astray(problems.map(\.text))
    }
}
