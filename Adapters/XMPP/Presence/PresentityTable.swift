// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import MessageFormats
import XMLStream

import struct NIOCore.ByteBuffer

/// The resources of a local user as one watcher or many have been told of them. Never changed once made.
final class PresenceView {
    /// Those that are there, in the order in which they came; at least one.
    let states: [ResourceState]
    /// The document that says so.
    let body: Body
    /// Whether the document says nothing else; it may tell once of a resource that has gone.
    let isPlain: Bool

    init(states: [ResourceState], body: Body, isPlain: Bool) {
        self.states = states
        self.body = body
        self.isPlain = isPlain
    }
}

/// What local users have let foreign people see, by user and watcher.
///
/// A server sends one stanza for each watcher, so what a stanza says is read once for each user, and the document made of
/// it is shared by all watchers who see the same. Bounded; forgotten with the link.
struct PresentityTable {
    /// What came of a stanza.
    struct Change {
        /// What the watcher is to be told.
        var state: Body
        /// Whether nobody abroad sees anything of the user any more.
        var hasLeft = false
    }

    /// The most pairs of a user and a watcher that are remembered.
    static let pairLimit = 1 << 20
    /// The most resources of one user that are shown to one watcher.
    static let resourceLimit = 16

    private var presentities: [Address: LocalPresentity] = [:]
    /// What was said on going, by pair, so that the answer to a probe is the same.
    private var farewells: [Int: Body] = [:]
    /// The most farewells that are remembered.
    private static let farewellLimit = 65_536
    /// How many pairs are remembered.
    private(set) var pairCount = 0
    private let limit: Int

    init(limit: Int = PresentityTable.pairLimit) { self.limit = limit }

    /// Takes a stanza of a resource that is there.
    mutating func available(
        _ stanza: XMLElement,
        _ parties: PresenceParties,
        language: String?,
        now: WallTime,
        lost: () -> Void
    ) -> Change {
        if !farewells.isEmpty { farewells[PresenceMemory.pair(parties.user, parties.foreign)] = nil }
        let presentity = presentities[parties.user] ?? LocalPresentity(parties.user.detached())
        let before = presentity.watchers[parties.foreign]
        let reading = StanzaReading(stanza: stanza, parties: parties, language: language, now: now)
        let step = presentity.step(from: before, reading, isAvailable: true, lost: lost)
        guard let after = step.after else { return Change(state: step.published) }
        if before == nil {
            guard pairCount < limit else {
                lost()
                return Change(state: step.published)
            }
            pairCount += 1
            presentity.watchers[parties.foreign.detached()] = after
            presentities[presentity.user] = presentity
        } else if before !== after {
            presentity.watchers[parties.foreign] = after
        }
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
        guard let presentity = presentities[parties.user], let before = presentity.watchers[parties.foreign] else {
            return Change(state: farewells[PresenceMemory.pair(parties.user, parties.foreign)] ?? .none)
        }
        let reading = StanzaReading(stanza: stanza, parties: parties, language: language, now: now)
        let step = presentity.step(from: before, reading, isAvailable: false, lost: lost)
        if let after = step.after {
            presentity.watchers[parties.foreign] = after
            return Change(state: step.published)
        }
        if step.published != .none, farewells.count < PresentityTable.farewellLimit {
            farewells[PresenceMemory.pair(parties.user, parties.foreign)] = step.published
        }
        return Change(state: step.published, hasLeft: forget(user: parties.user, watcher: parties.foreign))
    }

    /// Forgets what a watcher was told, and says whether nobody abroad sees anything of the user any more.
    @discardableResult
    mutating func forget(user: Address, watcher: Address) -> Bool {
        guard let presentity = presentities[user], presentity.watchers.removeValue(forKey: watcher) != nil
        else { return false }
        pairCount -= 1
        guard presentity.watchers.isEmpty else { return false }
        presentities[user] = nil
        return true
    }

    /// Forgets everything.
    mutating func removeAll() {
        presentities.removeAll()
        farewells.removeAll()
        pairCount = 0
    }
}

/// A stanza and what is needed to read it.
struct StanzaReading {
    var stanza: XMLElement
    var parties: PresenceParties
    var language: String?
    var now: WallTime
}

/// One local user of whom somebody abroad sees something.
final class LocalPresentity {
    /// From one view to the next by one stanza.
    private struct Step {
        var before: PresenceView?
        var state: ResourceState
        var result: Result
    }

    /// Where a stanza leads: to what the watcher has been told from here on, and what is published now.
    struct Result {
        /// Nil where no resource is left.
        var after: PresenceView?
        var published: Body
    }

    let user: Address
    var watchers: [Address: PresenceView] = [:]
    /// The last thing that each resource said.
    private var latest: [ResourceState] = []
    /// The last steps; the same stanza for the next watcher takes the same one.
    private var steps: [Step] = []
    private static let stepLimit = 4
    private var time = WallTime(milliseconds: .min)

    init(_ user: Address) { self.user = user }

    /// Takes a stanza for a watcher who has been told `before`.
    func step(
        from before: PresenceView?,
        _ reading: StanzaReading,
        isAvailable: Bool,
        lost: () -> Void
    ) -> Result {
        let digest = ResourceState.digest(of: reading.stanza, resource: reading.parties.resource)
        if let known = steps.first(where: { $0.before === before && $0.state.digest == digest }),
            latest.contains(where: { $0 === known.state })
        {
            return known.result
        }
        if let before, isAvailable, before.states.contains(where: { $0.digest == digest }) {
            return Result(after: before, published: before.body)
        }
        let state = state(digest, reading, isAvailable: isAvailable, lost)
        let result = result(of: state, from: before, isAvailable: isAvailable, lost)
        if steps.count == LocalPresentity.stepLimit { steps.removeFirst() }
        steps.append(Step(before: before, state: state, result: result))
        return result
    }

    /// The state that a stanza tells: the last one of its resource where it says the same again, else a new one.
    private func state(
        _ digest: Int,
        _ reading: StanzaReading,
        isAvailable: Bool,
        _ lost: () -> Void
    ) -> ResourceState {
        let place = latest.firstIndex { $0.resource == reading.parties.resource }
        if let place, latest[place].digest == digest { return latest[place] }
        let resource = reading.parties.resource.map { ByteBuffer(bytes: $0.readableBytesView) }
        let tuple = TupleReader(user: user, language: reading.language).tuple(
            reading.stanza,
            resource: resource,
            basic: isAvailable ? .open : .closed,
            at: nextTime(reading),
            lost: lost
        )
        let state = ResourceState(resource: resource, digest: digest, tuple: tuple)
        if let place {
            latest[place] = state
        } else {
            if latest.count == PresentityTable.resourceLimit { latest.removeFirst() }
            latest.append(state)
        }
        return state
    }

    /// The stanza's stamp, else now; always later than the one before (RFC 3863 §4.1.7).
    private func nextTime(_ reading: StanzaReading) -> WallTime {
        let stamp = reading.stanza.child(Names.delay)?.string(Names.stamp).flatMap { WallTime(rfc3339: $0) }
        // Nobody's state is from the future.
        let wished = min(stamp ?? reading.now, reading.now)
        let least = time.milliseconds == .min ? wished : WallTime(milliseconds: time.milliseconds + 1)
        time = max(wished, least)
        return time
    }

    private func result(
        of state: ResourceState,
        from before: PresenceView?,
        isAvailable: Bool,
        _ lost: () -> Void
    ) -> Result {
        var states = before?.states ?? []
        let place = states.firstIndex { $0.resource == state.resource }
        if isAvailable {
            if let place {
                states[place] = state
            } else if states.count < PresentityTable.resourceLimit {
                states.append(state)
            } else {
                lost()
            }
            let view = view(of: states)
            return Result(after: view, published: view.body)
        }
        // RFC 6121 §4.5.3: without a resource, all of them have gone.
        if state.resource == nil { states.removeAll() } else if let place { states.remove(at: place) }
        guard !states.isEmpty else {
            // Where nothing is said on going, nothing needs to be kept about who is not there.
            let published = state.tuple.notes.isEmpty ? Body.none : document([state.tuple])
            return Result(after: nil, published: published)
        }
        guard place != nil else {
            let view = view(of: states)
            return Result(after: view, published: view.body)
        }
        // F.3: told as closed once; the next document is without it.
        let body = document(states.map(\.tuple) + [state.tuple])
        return Result(after: PresenceView(states: states, body: body, isPlain: false), published: body)
    }

    /// The view of these states; the same one for those who have come to it on different ways.
    private func view(of states: [ResourceState]) -> PresenceView {
        let same = steps.last { step in
            guard let view = step.result.after, view.isPlain, view.states.count == states.count else { return false }
            return zip(view.states, states).allSatisfy { $0 === $1 }
        }
        return same?.result.after ?? PresenceView(states: states, body: document(states.map(\.tuple)), isPlain: true)
    }

    private func document(_ tuples: [PresenceTuple]) -> Body {
        var document = PresenceDocument(about: user)
        document.tuples = tuples
        return PresenceBody.write(document)
    }
}
