// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore

/// Remembers which recipients elsewhere have been told what a user here is called, in memory that does not grow.
///
/// Pairs are numbers, hashed with a seed of the process: where two fall together, one is told later.
struct AliasRider {
    /// How long a pair rests once its user's name was asked for, and where that could not or must not be.
    static let again = Interval.seconds(3_600)
    static let pause = Interval.seconds(60)
    /// The most pairs that rest, names that wait for the next thing to ride on, and questions to adapters in a second.
    private static let restingLimit = 65_536
    private static let waitingLimit = 4_096
    private static let asksPerSecond = 50
    /// The most octets of a name.
    private static let nameLimit = 1_023
    private var resting: [Int: Instant] = [:]
    private var waiting: [Int: Attribute] = [:]
    private var second = Instant.start
    private var asked = 0

    /// The number of a pair.
    static func number(_ user: Address, _ recipient: Address) -> Int {
        var hasher = Hasher()
        hasher.combine(user)
        hasher.combine(recipient)
        return hasher.finalize()
    }

    /// Whether what an adapter has answered is a name to be kept by others for a while.
    static func canRide(_ attribute: Attribute) -> Bool {
        attribute.key == "alias" && attribute.status == nil && (attribute.seconds ?? 0) > 0
            && (1...nameLimit).contains(attribute.value?.readableBytes ?? 0)
    }

    /// How many pairs rest, and how many names wait.
    var count: (resting: Int, waiting: Int) { (resting.count, waiting.count) }

    /// Whether it is time to look at the pair.
    func isDue(_ pair: Int, at now: Instant) -> Bool { resting[pair].map { $0 <= now } ?? true }

    /// Whether an adapter may be asked now; each user's service may have to look in a database.
    mutating func mayAsk(at now: Instant) -> Bool {
        if now - second >= .seconds(1) { (second, asked) = (now, 0) }
        asked += 1
        return asked <= Self.asksPerSecond
    }

    mutating func rest(_ pair: Int, until: Instant) {
        if resting.count >= Self.restingLimit, resting[pair] == nil { resting.removeAll(keepingCapacity: true) }
        resting[pair] = until
    }

    /// Keeps a name for the next thing that the pair's user sends.
    mutating func keep(_ alias: Attribute, _ pair: Int) {
        if waiting.count >= Self.waitingLimit { waiting.removeAll() }
        waiting[pair] = alias
    }

    /// The name that was found since the last thing; gives it once.
    mutating func found(_ pair: Int) -> Attribute? { waiting.isEmpty ? nil : waiting.removeValue(forKey: pair) }
}
