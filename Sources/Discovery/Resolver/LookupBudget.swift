// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

/// How many look-ups there may be, below each zone and in all, so that names made up by a stranger make us no tool
/// against the name servers of anyone (S07, S50).
struct LookupBudget {
    private struct Bucket {
        var filled: Double
        var at: Instant
    }

    private let zone: DNSSettings.Rate
    private let all: DNSSettings.Rate
    private var zones: [Substring: Bucket] = [:]
    private var total: Bucket?
    /// The most zones that are remembered. A zone leaves once its bucket is full again, and the bucket for all lets no
    /// more be touched meanwhile.
    private let capacity: Int

    init(_ limits: DNSSettings.Limits) {
        zone = limits.perZone
        all = limits.inAll
        let refill = Double(zone.burst) / Double(max(1, zone.perSecond))
        let touched = Double(all.burst) + Double(all.perSecond) * refill
        capacity = Int(min(1_000_000, touched * Double(LookupBudget.depth) * 2))
    }

    /// How many of a name's zones are counted.
    private static let depth = 3

    /// The zones that `name` is in and that are counted: those nearest to the root, of two labels or more.
    static func zones(of name: String) -> [Substring] {
        var zones: [Substring] = []
        var labels = 0
        var index = name.endIndex
        while index > name.startIndex, zones.count < depth {
            let before = name.index(before: index)
            if name[before] == "." {
                labels += 1
                if labels >= 2 { zones.append(name[index...]) }
            }
            index = before
        }
        return zones
    }

    /// Takes one look-up off the budget; or tells, for people, whose is used up.
    ///
    /// A domain that `isKnown` from an earlier look-up is counted in all alone.
    mutating func take(_ domain: Domain, isKnown: Bool, now: Instant) -> String? {
        var whole = LookupBudget.refilled(total, all, now)
        guard whole.filled >= 1 else { return "there are too many look-ups at this moment" }
        var taken: [(Substring, Bucket)] = []
        for name in isKnown ? [] : LookupBudget.zones(of: domain.name) {
            var bucket = LookupBudget.refilled(zones[name], zone, now)
            guard bucket.filled >= 1 else { return "there are too many look-ups below \(name) at this moment" }
            bucket.filled -= 1
            taken.append((name, bucket))
        }
        whole.filled -= 1
        total = whole
        if zones.count + taken.count > capacity { sweep(now) }
        for (name, bucket) in taken {
            // A substring would keep the whole name in memory.
            zones[zones.index(forKey: name) == nil ? Substring(String(name)) : name] = bucket
        }
        return nil
    }

    private mutating func sweep(_ now: Instant) {
        zones = zones.filter { LookupBudget.refilled($0.value, zone, now).filled < Double(zone.burst) }
        // Cannot happen at the rates that the capacity was made for; bounded all the same.
        if zones.count > capacity { zones = [:] }
    }

    private static func refilled(_ bucket: Bucket?, _ rate: DNSSettings.Rate, _ now: Instant) -> Bucket {
        guard let bucket else { return Bucket(filled: Double(rate.burst), at: now) }
        let more = max(0, (now - bucket.at).seconds) * Double(rate.perSecond)
        return Bucket(filled: min(Double(rate.burst), bucket.filled + more), at: max(now, bucket.at))
    }
}
