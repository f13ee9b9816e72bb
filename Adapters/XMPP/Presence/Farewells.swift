// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore

/// What users said on going, so that the answer to a probe is the same. One text for each user, since nearly all
/// watchers are told the same; the oldest are forgotten first.
struct Farewells {
    private struct Farewell {
        /// Counts the farewells, so that an old place in the order is known from a new one.
        var number: Int
        var body: Body
        /// Whom it was said to, by pair.
        var pairs: Set<Int>
    }

    /// The most users and octets.
    private let limit: Int
    private let octetLimit: Int
    /// The most watchers of one user.
    private static let pairLimit = 65_536

    private var farewells: [Address: Farewell] = [:]
    private var order = CircularBuffer<(user: Address, number: Int)>()
    private var number = 0
    /// The octets of all of them.
    private(set) var octets = 0

    init(limit: Int = 65_536, octetLimit: Int = 64 << 20) {
        self.limit = limit
        self.octetLimit = octetLimit
    }

    var isEmpty: Bool { farewells.isEmpty }
    /// How many users said something.
    var count: Int { farewells.count }

    /// Notes what a user said to a watcher on going.
    mutating func note(_ body: Body, of user: Address, to watcher: Address) {
        let pair = PresenceMemory.pair(user, watcher)
        if var known = farewells[user], known.body == body {
            guard known.pairs.count < Farewells.pairLimit else { return }
            // Taken out, so that the set is not copied.
            farewells[user] = nil
            known.pairs.insert(pair)
            farewells[user] = known
            return
        }
        remove(user)
        number += 1
        farewells[user] = Farewell(number: number, body: body, pairs: [pair])
        order.append((user, number))
        octets += body.octetCount
        while let first = order.first, farewells.count > limit || octets > octetLimit || order.count > limit * 2 {
            order.removeFirst()
            if farewells[first.user]?.number == first.number { remove(first.user) }
        }
    }

    /// What a user said to a watcher on going, if anything.
    func said(by user: Address, to watcher: Address) -> Body? {
        guard let known = farewells[user], known.pairs.contains(PresenceMemory.pair(user, watcher)) else { return nil }
        return known.body
    }

    /// A user is there again.
    mutating func forget(_ user: Address, _ watcher: Address) {
        guard farewells[user]?.pairs.remove(PresenceMemory.pair(user, watcher)) != nil else { return }
        if farewells[user]?.pairs.isEmpty == true { remove(user) }
    }

    mutating func removeAll() {
        farewells.removeAll()
        order.removeAll()
        octets = 0
    }

    private mutating func remove(_ user: Address) {
        guard let old = farewells.removeValue(forKey: user) else { return }
        octets -= old.body.octetCount
    }
}
