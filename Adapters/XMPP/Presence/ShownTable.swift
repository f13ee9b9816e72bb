// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

import struct NIOCore.ByteBuffer

/// What users here have been shown of foreign presentities, so that each change is written once and what vanishes is
/// taken back (standards reference F.3). Bounded.
struct ShownTable {
    /// One stanza that is due.
    struct Due {
        /// What stands behind the slash of the sender's address, if anything does.
        var resource: ByteBuffer?
        /// Whether somebody is there.
        var isAvailable: Bool
        /// What stands inside.
        var content = ByteBuffer()
        /// Since when it is so, if that is known.
        var time: WallTime?
    }

    /// One that is there, as a user was last shown it.
    struct Entry {
        /// What stands behind the slash of the sender's address, if anything does.
        var resource: ByteBuffer?
        /// Stands for what it said.
        var digest: Int
    }

    private struct Shown {
        /// Those that are there.
        var entries: [Entry] = []
        /// Whether the next state is written whole, whatever was shown.
        var isWanted = false
    }

    /// The most pairs that are remembered. Beyond it, nothing new is; then states are written whole.
    static let limit = 1 << 20

    private var shown: [Int: Shown] = [:]
    private let limit: Int

    init(limit: Int = ShownTable.limit) { self.limit = limit }

    /// How many pairs are remembered.
    var count: Int { shown.count }

    /// Has the next state of a pair written whole: a session of the watcher has begun and knows nothing.
    mutating func want(_ pair: Int) {
        if shown[pair] != nil { shown[pair]?.isWanted = true }
    }

    /// Nothing has been shown to this watcher, by this process or any before it.
    mutating func begin(_ pair: Int) {
        if shown[pair] == nil { keep(Shown(isWanted: true), pair) }
    }

    /// What takes back all that an earlier process may have shown.
    private static let whole = Due(resource: nil, isAvailable: false)

    /// Forgets a pair, and returns what takes back all that was shown.
    mutating func end(_ pair: Int) -> [Due] {
        guard let old = shown.removeValue(forKey: pair) else { return [ShownTable.whole] }
        return old.entries.map { Due(resource: $0.resource, isAvailable: false) }
    }

    /// Has the next state of every pair written whole: the link was lost, and what was written last may be too.
    mutating func wantAll() {
        for pair in shown.keys { shown[pair]?.isWanted = true }
    }

    /// What is due where the presentity is not there.
    mutating func showNothing(_ pair: Int) -> [Due] {
        let old = shown[pair]
        keep(Shown(), pair)
        let gone = (old?.entries ?? []).map { Due(resource: $0.resource, isAvailable: false) }
        guard gone.isEmpty, old == nil || old?.isWanted == true else { return gone }
        return [Due(resource: nil, isAvailable: false)]
    }

    /// What is due where nothing can be shown of the presentity: nothing is, where nothing was.
    mutating func takeBack(_ pair: Int) -> [Due] {
        guard let old = shown[pair] else { return showNothing(pair) }
        guard !old.entries.isEmpty else { return [] }
        shown[pair]?.entries = []
        return old.entries.map { Due(resource: $0.resource, isAvailable: false) }
    }

    /// What is due where the presentity's state is `state`: those that changed, and those that vanished.
    mutating func show(_ state: MappedPresence, _ pair: Int) -> [Due] {
        // RFC 3922 §5.2.11: the notes are not shown, but nobody is there any more either.
        if state.isNotMapped { return takeBack(pair) }
        if state.resources.isEmpty, state.unknown.isEmpty { return showNothing(pair) }
        let old = shown[pair]
        var new = Shown(entries: state.entries)
        var due: [Due] = []
        var gone: [Due] = []
        let isSomebodyThere = state.resources.contains { $0.isAvailable }
        for resource in state.resources {
            let before = old?.entries.first { $0.resource == resource.resource }
            let stanza = Due(
                resource: resource.resource,
                isAvailable: resource.isAvailable,
                content: resource.content,
                time: resource.time
            )
            if resource.isAvailable {
                if old?.isWanted == true || before?.digest != resource.digest { due.append(stanza) }
            } else if before != nil {
                gone.append(stanza)
            } else if !isSomebodyThere, old == nil || old?.isWanted == true {
                // Who knows nothing is told that nobody is there.
                gone.append(stanza)
            }
        }
        for before in old?.entries ?? [] where !state.resources.contains(where: { $0.resource == before.resource }) {
            if state.unknown.contains(before.resource) {
                new.entries.append(before)
            } else {
                gone.append(Due(resource: before.resource, isAvailable: false))
            }
        }
        // A document of unknowns alone tells nothing, so there is nothing to remember either.
        if old != nil || !due.isEmpty || !gone.isEmpty { keep(new, pair) }
        // What an earlier process showed is not known any more, so that it is taken back as a whole.
        if old == nil, !due.isEmpty { due.insert(ShownTable.whole, at: 0) }
        // Whoever comes is written before whoever goes, so that nobody seems to be away in between.
        return due + gone
    }

    private mutating func keep(_ new: Shown, _ pair: Int) {
        if shown.count < limit || shown[pair] != nil { shown[pair] = new }
    }
}
