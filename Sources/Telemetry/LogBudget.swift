// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

/// How many log lines strangers may cause: so many at once, and so many a second after that, for each key and in all.
/// What is left out is counted and told in the key's next line.
///
/// The accounts are a fixed number, found by a hash that is seeded at random: whoever makes noise under one key cannot
/// keep the lines of another from the log, and no number of keys makes the table grow.
package struct LogBudget<Key: Hashable> {
    private struct Account {
        var spent: Int32 = 0
        var leftOut: Int32 = 0
        var second: UInt64 = 0

        /// Whether another line fits, of `burst` at once and `rate` a second.
        mutating func hasRoom(_ burst: Int, _ rate: Int, now: Instant) -> Bool {
            let present = now.nanoseconds / 1_000_000_000
            let passed = present > second ? Int(min(present - second, 3600)) : 0
            spent = Int32(clamping: max(0, Int(spent) - passed * rate))
            second = max(second, present)
            return spent < burst
        }
    }

    private let burst: Int
    private let perSecond: Int
    private var accounts: [Account]
    private var all = Account()
    /// Lines that were left out and not told yet.
    package private(set) var leftOut = 0
    /// Lines that were left out since the start.
    package private(set) var leftOutInAll: UInt64 = 0

    /// Makes a budget of `burst` lines at once and `perSecond` after that for each key, ten times that in all.
    package init(burst: Int = 20, perSecond: Int = 2, accounts: Int = 1024) {
        self.burst = burst
        self.perSecond = perSecond
        self.accounts = Array(repeating: Account(), count: accounts)
    }

    /// Whether a line may be logged now; gives back how many of the key's were left out before it.
    package mutating func take(_ key: Key, now: Instant) -> Int? {
        let index = Int(UInt(bitPattern: key.hashValue) % UInt(accounts.count))
        guard accounts[index].hasRoom(burst, perSecond, now: now), all.hasRoom(10 * burst, 10 * perSecond, now: now)
        else {
            accounts[index].leftOut = accounts[index].leftOut &+ 1
            leftOut += 1
            leftOutInAll += 1
            return nil
        }
        accounts[index].spent += 1
        all.spent += 1
        defer {
            leftOut -= Int(accounts[index].leftOut)
            accounts[index].leftOut = 0
        }
        return Int(accounts[index].leftOut)
    }

    /// Takes what was left out and will perhaps never be told in a line of its own key.
    package mutating func takeLeftOut() -> Int {
        guard leftOut > 0 else { return 0 }
        for index in accounts.indices { accounts[index].leftOut = 0 }
        defer { leftOut = 0 }
        return leftOut
    }
}
