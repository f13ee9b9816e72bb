// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

/// The states that are known, whose octets are bounded, in all and for the users of each domain here: a state may have as
/// much as a message, and there are as many as subscriptions.
struct StateTable {
    /// What a state is known for.
    enum Kind: UInt64 {
        /// What a user here was last shown; by row of what users here watch.
        case shown
        /// What one watcher may see of a user here; by row of what users here are watched by.
        case forWatcher
        /// What all may see of a user here; by party.
        case forAll
    }

    /// What an entry weighs beside its octets, roughly.
    private static let overhead = 64
    private var states: [UInt64: Body] = [:]
    private var octetsOfDomain: [UInt32: Int] = [:]
    /// The octets of all states.
    private(set) var octets = 0
    /// The most of them; half as many for the users of one domain.
    let limit: Int

    init(limit: Int) { self.limit = limit }

    /// How many states are known.
    var count: Int { states.count }

    private static func key(_ kind: Kind, _ number: UInt32) -> UInt64 { kind.rawValue << 32 | UInt64(number) }
    private static func cost(_ state: Body?) -> Int { state.map { $0.octetCount + overhead } ?? 0 }

    subscript(kind: Kind, number: UInt32) -> Body? { states[Self.key(kind, number)] }

    /// Whether a state may take the place of the one that is known.
    func hasRoom(for state: Body, _ kind: Kind, _ number: UInt32, of domain: UInt32) -> Bool {
        if state == .none { return true }
        let more = Self.cost(state) - Self.cost(self[kind, number])
        return octets + more <= limit && octetsOfDomain[domain, default: 0] + more <= limit / 2
    }

    /// Keeps a state in place of the one that is known; whether there is room was asked before.
    mutating func set(_ state: Body?, _ kind: Kind, _ number: UInt32, of domain: UInt32) {
        let key = Self.key(kind, number)
        let before = states[key]
        guard state != nil || before != nil else { return }
        let more = Self.cost(state) - Self.cost(before)
        octets += more
        let ofDomain = octetsOfDomain[domain, default: 0] + more
        octetsOfDomain[domain] = ofDomain > 0 ? ofDomain : nil
        states[key] = state
    }
}
