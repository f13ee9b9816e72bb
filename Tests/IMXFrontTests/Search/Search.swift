// SPDX-License-Identifier: Apache-2.0
@testable import IMXWire

/// A search through everything that can happen within bounds.
struct Search {
    /// How many states were seen.
    private(set) var states = 0
    /// In how many of them something is trusted: a search that never gets so far shows nothing.
    private(set) var statesWithTrust = 0
    /// How many steps were otherwise than what is shipped would have made them.
    private(set) var departures = 0
    /// The shortest course of events that breaks the property, and what is broken.
    private(set) var trace: [String]?

    /// Looks at all states, those with the fewest steps first.
    static func inBreadth(_ variant: Variant, _ bounds: World.Bounds) -> Search {
        var search = Search()
        let start = World(variant, bounds)
        var seen: [UInt64: (before: UInt64, label: String)] = [start.fingerprint: (0, "")]
        var layer = [(world: start, fingerprint: start.fingerprint)]
        while !layer.isEmpty {
            var next: [(world: World, fingerprint: UInt64)] = []
            for (world, fingerprint) in layer {
                for move in world.moves {
                    var after = world
                    move.apply(&after)
                    search.departures += after.departures - world.departures
                    if let broken = after.broken {
                        var trace = [move.label(), "=> " + broken]
                        var at = fingerprint
                        while let step = seen[at], !step.label.isEmpty {
                            trace.insert(step.label, at: 0)
                            at = step.before
                        }
                        search.trace = trace
                        search.states = seen.count
                        return search
                    }
                    let reached = after.fingerprint
                    guard seen[reached] == nil else { continue }
                    if !after.trusted.isEmpty { search.statesWithTrust += 1 }
                    seen[reached] = (fingerprint, move.label())
                    next.append((after, reached))
                }
            }
            layer = next
        }
        search.states = seen.count
        return search
    }

    /// Looks at all states, following each course of events to its end; needs little memory beside eight octets a state.
    static func inDepth(_ variant: Variant, _ bounds: World.Bounds) -> Search {
        var search = Search()
        let start = World(variant, bounds)
        var seen: Set<UInt64> = [start.fingerprint]
        var path: [(world: World, moves: [Move], next: Int)] = [(start, start.moves, 0)]
        while let last = path.last {
            guard last.next < last.moves.count else {
                path.removeLast()
                continue
            }
            path[path.count - 1].next += 1
            var after = last.world
            last.moves[last.next].apply(&after)
            search.departures += after.departures - last.world.departures
            if let broken = after.broken {
                search.trace = path.map { $0.moves[$0.next - 1].label() } + ["=> " + broken]
                break
            }
            guard seen.insert(after.fingerprint).inserted else { continue }
            if !after.trusted.isEmpty { search.statesWithTrust += 1 }
            if seen.count % 100_000 == 0 { print("\(seen.count) states") }
            path.append((after, after.moves, 0))
        }
        search.states = seen.count
        return search
    }
}
