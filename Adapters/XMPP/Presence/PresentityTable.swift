// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import XMLStream

import struct NIOCore.ByteBuffer

/// The resources of a local user as one watcher or many have been told of them.
final class PresenceView {
    /// Those that are there, in the order in which they came; at least one.
    let states: [ResourceState]
    /// The document that says so.
    let body: Body
    /// Whether the document says nothing else; it may tell once of a resource that has gone.
    let isPlain: Bool
    /// How many watchers have been told it.
    fileprivate(set) var holders = 0

    init(states: [ResourceState], body: Body, isPlain: Bool) {
        self.states = states
        self.body = body
        self.isPlain = isPlain
    }

    /// What it is accounted with: the document, and as much again for the states.
    var octets: Int { body.octetCount * 2 + 256 }
}

/// What local users have let foreign people see, by user and watcher.
///
/// A server sends one stanza for each watcher, so what a stanza says is read once for each user, and the document made of
/// it is shared by all watchers who see the same. Bounded, for each user and for all; forgotten with the link.
struct PresentityTable {
    /// What came of a stanza.
    struct Change {
        /// What the watcher is to be told; nil where nothing is known that could be.
        var state: Body?
        /// Whether nobody abroad sees anything of the user any more.
        var hasLeft = false
    }

    /// What is remembered at the most.
    struct Limits {
        /// The pairs of a user and a watcher.
        var pairs = 1 << 20
        /// The watchers of one user.
        var watchers = 65_536
        /// The octets that the watchers of one user were told; what several were told counts once.
        var userOctets = 4 << 20
        /// The octets that all were told.
        var octets = 256 << 20
    }

    /// The most resources of one user that are shown to one watcher.
    static let resourceLimit = 16

    private var presentities: [Address: LocalPresentity] = [:]
    private var farewells = Farewells()
    private var times = LastTimes()
    /// How many pairs are remembered, and what they were told.
    private(set) var pairCount = 0
    private(set) var octets = 0
    private let limits: Limits

    init(limits: Limits = Limits()) { self.limits = limits }

    /// What the table and the farewells hold.
    var totalOctets: Int { octets + farewells.octets }

    /// Takes a stanza of a resource that is there.
    mutating func available(
        _ stanza: XMLElement,
        _ parties: PresenceParties,
        language: String?,
        now: WallTime,
        lost: () -> Void
    ) -> Change {
        if !farewells.isEmpty { farewells.forget(parties.user, parties.foreign) }
        let presentity = presentities[parties.user] ?? fresh(parties.user)
        let before = presentity.watchers[parties.foreign]
        let reading = StanzaReading(stanza: stanza, parties: parties, language: language, now: now)
        let step = presentity.step(from: before, reading, isAvailable: true, lost: lost)
        if let after = step.after, after !== before, !keep(after, for: parties.foreign, of: presentity) { lost() }
        return Change(state: step.published)
    }

    /// Takes a stanza of a resource that has gone, or of a user of whom no resource is there.
    mutating func unavailable(
        _ stanza: XMLElement,
        _ parties: PresenceParties,
        language: String?,
        now: WallTime,
        lost: () -> Void
    ) -> Change {
        let known = presentities[parties.user]
        guard let presentity = known, let before = presentity.watchers[parties.foreign] else {
            // One resource less tells nothing about a user of whom not everything could be remembered.
            let isFull = pairCount >= limits.pairs || known?.isFull == true
            if isFull, parties.resource != nil { return Change(state: nil, hasLeft: known == nil) }
            return Change(
                state: farewells.said(by: parties.user, to: parties.foreign) ?? Body.none,
                hasLeft: known == nil
            )
        }
        let reading = StanzaReading(stanza: stanza, parties: parties, language: language, now: now)
        let step = presentity.step(from: before, reading, isAvailable: false, lost: lost)
        if let after = step.after {
            if !keep(after, for: parties.foreign, of: presentity) { lost() }
            return Change(state: step.published)
        }
        if step.published != .none {
            farewells.note(step.published, of: presentity.user, to: parties.foreign)
        }
        return Change(state: step.published, hasLeft: forget(user: parties.user, watcher: parties.foreign))
    }

    /// A device of a user that a watcher has been told of; the resource is nil where the user as a whole is there.
    func device(of user: Address, for watcher: Address) -> ByteBuffer?? {
        presentities[user]?.watchers[watcher]?.states.first.map(\.resource)
    }

    /// Forgets what a watcher was told, and says whether nobody abroad sees anything of the user any more.
    @discardableResult
    mutating func forget(user: Address, watcher: Address) -> Bool {
        guard let presentity = presentities[user], let view = presentity.watchers.removeValue(forKey: watcher)
        else { return false }
        pairCount -= 1
        release(view, of: presentity)
        guard presentity.watchers.isEmpty else { return false }
        times.note(presentity.time, of: user)
        presentities[user] = nil
        return true
    }

    /// Forgets everything but the times: nothing that is told later may seem older.
    mutating func removeAll() {
        for presentity in presentities.values { times.note(presentity.time, of: presentity.user) }
        presentities.removeAll()
        farewells.removeAll()
        pairCount = 0
        octets = 0
    }

    private func fresh(_ user: Address) -> LocalPresentity {
        LocalPresentity(user.detached(), after: times.last(of: user))
    }

    /// Remembers what a watcher has been told; false, and the watcher forgotten, where there is no room for it.
    private mutating func keep(_ view: PresenceView, for watcher: Address, of presentity: LocalPresentity) -> Bool {
        let before = presentity.watchers[watcher]
        if before === view { return true }
        if let before { release(before, of: presentity) }
        let cost = view.holders == 0 ? view.octets : 0
        let hasPlace =
            before != nil || (pairCount < limits.pairs && presentity.watchers.count < limits.watchers)
        guard hasPlace, presentity.octets + cost <= limits.userOctets, octets + cost <= limits.octets else {
            presentity.isFull = true
            if before != nil {
                presentity.watchers[watcher] = nil
                pairCount -= 1
            }
            return false
        }
        view.holders += 1
        presentity.octets += cost
        octets += cost
        if before == nil {
            pairCount += 1
            presentity.watchers[watcher.detached()] = view
            presentities[presentity.user] = presentity
        } else {
            presentity.watchers[watcher] = view
        }
        return true
    }

    private mutating func release(_ view: PresenceView, of presentity: LocalPresentity) {
        view.holders -= 1
        guard view.holders == 0 else { return }
        presentity.octets -= view.octets
        octets -= view.octets
    }
}

/// The times of the last states of users of whom nothing else is remembered, so that times only ever grow
/// (RFC 3863 §4.1.7). Where they are too many, all are taken for as late as the latest.
private struct LastTimes {
    private var times: [Int: WallTime] = [:]
    private var floor = WallTime(milliseconds: .min)
    private static let limit = 65_536

    func last(of user: Address) -> WallTime { times[user.hashValue] ?? floor }

    mutating func note(_ time: WallTime, of user: Address) {
        if times.count >= LastTimes.limit {
            floor = times.values.reduce(floor, max)
            times.removeAll()
        }
        times[user.hashValue] = max(time, floor)
    }
}
