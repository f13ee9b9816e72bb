// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel
package import NIOCore

/// Runs something once a time has passed, and gives what calls that off.
package typealias DNSTimer = (Interval, @escaping () -> Void) -> () -> Void

/// Finds the aggregators of foreign domains in the DNS. Confined to one event loop.
///
/// Answers are kept as long as their times to live allow; equal look-ups at a time are one; and what strangers can make
/// it ask is bounded.
package final class DNSResolver: PeerResolver {
    struct Key: Hashable {
        let domain: Domain
        let purpose: ServicePurpose
    }

    private struct Kept {
        let resolution: Resolution
        let expiry: Instant
    }

    private final class UnderWay {
        let lookup: Lookup
        var waiting: [(Resolution) -> Void]
        var callOff: (() -> Void)?
        var isForgotten = false

        init(_ lookup: Lookup, _ first: @escaping (Resolution) -> Void) {
            self.lookup = lookup
            waiting = [first]
        }
    }

    private let settings: DNSSettings
    private let source: any DNSSource
    private let now: () -> Instant
    private let timer: DNSTimer
    private var found: AnswerCache<Key, Kept>
    private var others: AnswerCache<Key, Kept>
    private var underWay: [Key: UnderWay] = [:]
    private var budget: LookupBudget

    /// What has happened so far.
    package private(set) var counts = DNSCounts()

    /// Makes a resolver that asks `source`; `now` and `timer` are the clock of the loop that it is used on.
    package init(
        _ settings: DNSSettings,
        source: any DNSSource,
        now: @escaping () -> Instant,
        timer: @escaping DNSTimer
    ) {
        self.settings = settings
        self.source = source
        self.now = now
        self.timer = timer
        found = AnswerCache(capacity: settings.limits.keptAnswers)
        others = AnswerCache(capacity: settings.limits.keptAnswers)
        budget = LookupBudget(settings.limits)
    }

    /// Makes a resolver that asks through libunbound; to be made and used on `eventLoop` only, until ``stop()``.
    package convenience init(_ settings: DNSSettings, on eventLoop: any EventLoop) throws(DNSSettingsError) {
        self.init(
            settings,
            source: try UnboundSource(settings, on: eventLoop),
            now: { Instant(nanoseconds: NIODeadline.now().uptimeNanoseconds) },
            timer: { interval, body in
                let time = TimeAmount.nanoseconds(interval.nanoseconds)
                let scheduled = eventLoop.assumeIsolated().scheduleTask(in: time) { body() }
                return { scheduled.cancel() }
            }
        )
    }

    /// Ends everything; what is under way ends as unavailable.
    package func stop() { source.stop() }

    package func resolve(_ domain: Domain, _ completion: @escaping (Resolution) -> Void) {
        resolve(domain, for: .messages, completion)
    }

    /// Looks `domain`'s service for `purpose` up and calls `completion` once, now or later, on the loop.
    package func resolve(
        _ domain: Domain,
        for purpose: ServicePurpose,
        _ completion: @escaping (Resolution) -> Void
    ) {
        let key = Key(domain: domain, purpose: purpose)
        let now = now()
        let known = found[key]
        if let kept = known, kept.expiry > now {
            counts.cached += 1
            return completion(kept.resolution)
        }
        if let kept = others[key], kept.expiry > now {
            counts.cached += 1
            return completion(kept.resolution)
        }
        if let same = underWay[key] {
            guard same.waiting.count < settings.limits.waiters else {
                return refuse("too many wait for the look-up of \(domain)", completion)
            }
            counts.merged += 1
            same.waiting.append(completion)
            return
        }
        guard underWay.count < settings.limits.lookups else {
            return refuse("there are too many look-ups at this moment", completion)
        }
        if let reason = budget.take(domain, isKnown: known != nil, now: now) { return refuse(reason, completion) }
        begin(key, completion)
    }

    package func forget(_ domain: Domain) {
        for purpose in [ServicePurpose.messages, .presence] {
            let key = Key(domain: domain, purpose: purpose)
            found[key] = nil
            others[key] = nil
            underWay[key]?.isForgotten = true
        }
    }

    /// Looks `domain` up without anything kept, for people who want to see every step.
    package func examine(
        _ domain: Domain,
        for purpose: ServicePurpose = .messages,
        _ completion: @escaping (LookupReport) -> Void
    ) {
        var callOff: (() -> Void)?
        let lookup = Lookup(domain, for: purpose, source, settings) { report in
            callOff?()
            completion(report)
        }
        callOff = timer(settings.limits.time) { lookup.expire() }
        lookup.start()
    }

    /// Asks one question, for the same.
    package func ask(_ question: DNSQuestion, _ completion: @escaping (DNSAnswer) -> Void) {
        _ = source.ask(question, completion)
    }

    private func refuse(_ reason: String, _ completion: (Resolution) -> Void) {
        counts.refused += 1
        completion(.unavailable(reason))
    }

    private func begin(_ key: Key, _ completion: @escaping (Resolution) -> Void) {
        counts.lookups += 1
        let lookup = Lookup(key.domain, for: key.purpose, source, settings) { self.finished(key, $0) }
        let entry = UnderWay(lookup, completion)
        underWay[key] = entry
        entry.callOff = timer(settings.limits.time) { lookup.expire() }
        lookup.start()
    }

    private func finished(_ key: Key, _ report: LookupReport) {
        guard let entry = underWay.removeValue(forKey: key) else { return }
        entry.callOff?()
        counts.asked += report.steps.count
        let kept = keep(key, report, isForgotten: entry.isForgotten)
        for completion in entry.waiting { completion(kept) }
    }

    /// Keeps what was found as long as it may be kept.
    private func keep(_ key: Key, _ report: LookupReport, isForgotten: Bool) -> Resolution {
        let limits = settings.limits
        let now = now()
        switch report.resolution {
        case .service(let service):
            counts.found += 1
            let expiry = now + .seconds(Int(DNSResolver.clamped(report.seconds, limits.positiveSeconds)))
            let dated = PeerService(
                hosts: service.hosts,
                origin: service.origin,
                security: service.security,
                expiry: expiry
            )
            if !isForgotten {
                others[key] = nil
                found[key] = Kept(resolution: .service(dated), expiry: expiry)
            }
            return .service(dated)
        case .notFound:
            counts.notFound += 1
            let seconds = DNSResolver.clamped(report.seconds, limits.negativeSeconds)
            if !isForgotten { keep(key, report.resolution, until: now + .seconds(Int(seconds))) }
            found[key] = nil
        case .unavailable:
            counts.failed += 1
            if !isForgotten { keep(key, report.resolution, until: now + .seconds(Int(limits.failureSeconds))) }
        case .bogus:
            counts.bogus += 1
            if !isForgotten { keep(key, report.resolution, until: now + .seconds(Int(limits.failureSeconds))) }
            found[key] = nil
        }
        return report.resolution
    }

    private func keep(_ key: Key, _ resolution: Resolution, until expiry: Instant) {
        others[key] = Kept(resolution: resolution, expiry: expiry)
    }

    /// The time to live within its bounds; 0 stays 0, which is never kept.
    private static func clamped(_ seconds: UInt32?, _ bounds: ClosedRange<UInt32>) -> UInt32 {
        guard let seconds, seconds > 0 else { return 0 }
        return min(max(seconds, bounds.lowerBound), bounds.upperBound)
    }
}

/// What a resolver has done so far.
package struct DNSCounts: Sendable, Hashable {
    /// Look-ups that were made.
    package var lookups = 0
    /// Questions that they asked.
    package var asked = 0
    /// Requests that were answered from what was kept.
    package var cached = 0
    /// Requests that shared a look-up with an earlier one.
    package var merged = 0
    /// Requests that a bound refused.
    package var refused = 0
    /// Look-ups that found a service.
    package var found = 0
    /// Look-ups of domains that are not on the network.
    package var notFound = 0
    /// Look-ups that failed for the moment.
    package var failed = 0
    /// Look-ups whose answers were forged or unreadable.
    package var bogus = 0

    /// Makes counts of nothing.
    package init() {}
}
