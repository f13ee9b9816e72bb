// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import MessageFormats
import XMLStream

import struct NIOCore.ByteBuffer

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
    /// The time of the last state.
    private(set) var time: WallTime
    /// What the watchers have been told; what several were told counts once.
    var octets = 0
    /// Whether there was a watcher for whom there was no room.
    var isFull = false

    init(_ user: Address, after time: WallTime) {
        self.user = user
        self.time = time
    }

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
