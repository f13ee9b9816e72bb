// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import MessageFormats
import NIOCore
import Testing

@testable import XMPPAdapter

/// A bench whose world clock a test moves: 2026-11-21T10:00:00Z at first.
final class PresenceBench {
    let bench: Bench
    let clock: TestClock
    private var taken = 0

    init(_ change: (inout XMPPSettings) -> Void = { _ in }) {
        let clock = TestClock()
        self.clock = clock
        bench = Bench(wallClock: { clock.now }, change)
        bench.bringUp()
        know(alice, bob)
    }

    /// Has the adapter know that a watcher was shown nothing of a presentity, as after a new request.
    func know(_ watcher: Address, _ presentity: Address) {
        bench.adapter.memory.shown.begin(PresenceMemory.pair(watcher, presentity))
    }

    var host: FakeHost { bench.host }
    var server: FakeServer { bench.server }

    /// Has the server send, and returns what the core was told of it.
    func receive(_ text: String) -> [PresenceEvent] {
        server.send(text)
        defer { taken = host.presenceEvents.count }
        return Array(host.presenceEvents[taken...])
    }

    /// Lets so many seconds pass, and returns what the core was told; pings are answered meanwhile.
    func wait(_ seconds: Int) -> [PresenceEvent] {
        for _ in 0..<seconds {
            host.advance(by: .seconds(1))
            bench.confirm()
        }
        defer { taken = host.presenceEvents.count }
        return Array(host.presenceEvents[taken...])
    }

    /// What says that a user is not there.
    func gone(_ user: Address, _ watcher: Address) -> PresenceEvent {
        .publishes(presentity: user, watcher: watcher, state: .none)
    }

    /// Gives orders, and returns the stanzas that were written.
    func order(_ orders: PresenceOrder...) -> [String] {
        bench.adapter.presence(orders)
        return stanzas()
    }

    /// The stanzas that were written since the last call.
    func stanzas() -> [String] {
        server.take().replacing("<presence", with: "\n<presence").split(separator: "\n").map(String.init)
    }

    /// Shows Alice a document about Bob.
    func show(_ document: PresenceDocument) -> [String] {
        order(.show(watcher: alice, presentity: bob, state: PresenceBody.write(document)))
    }

    /// Shows Alice that Bob is not there.
    func showNothing() -> [String] { order(.show(watcher: alice, presentity: bob, state: .none)) }
}

final class TestClock {
    var now = WallTime(milliseconds: 1_795_255_200_000)
}

/// Who lives here.
let alice = address("alice@a.example")
/// Who lives abroad.
let bob = address("bob@b.example")

/// A presence stanza from Alice to Bob.
func stanza(
    type: String? = nil,
    resource: String? = "desk",
    to: String = "bob@b.example",
    content: String = ""
) -> String {
    let from = "alice@a.example" + (resource.map { "/" + $0 } ?? "")
    return "<presence from='\(from)' to='\(to)'" + (type.map { " type='\($0)'" } ?? "") + ">\(content)</presence>"
}

/// A document about Bob.
func document(_ tuples: PresenceTuple..., notes: [LocalizedText] = []) -> PresenceDocument {
    var document = PresenceDocument(entity: "pres:bob@b.example")
    document.tuples = tuples
    document.notes = notes
    return document
}

/// A tuple of Bob's.
func tuple(
    _ id: String,
    _ basic: PresenceTuple.Basic? = .open,
    _ change: (inout PresenceTuple) -> Void = { _ in }
) -> PresenceTuple {
    var tuple = PresenceTuple(id: id, basic: basic)
    change(&tuple)
    return tuple
}

extension PresenceEvent {
    /// The document that is published; nil where it is another event, or nobody is there.
    var document: PresenceDocument? {
        guard case .publishes(_, _, let state) = self, state != .none else { return nil }
        return try? PresenceBody.read(state, with: PIDFReader(mode: .strict)).get().document
    }
}
