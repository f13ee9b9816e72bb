// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Foundation
import NIOCore
import Testing

@testable import IMXWire

/// A search through everything that can happen within bounds.
struct Search {
    /// How many states were seen.
    private(set) var states = 0
    /// In how many of them something is trusted: a search that never gets so far shows nothing.
    private(set) var statesWithTrust = 0
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
            if let broken = after.broken {
                search.trace = path.map { $0.moves[$0.next - 1].label() } + ["=> " + broken]
                break
            }
            guard seen.insert(after.fingerprint).inserted else { continue }
            if seen.count % 100_000 == 0 { print("\(seen.count) states") }
            path.append((after, after.moves, 0))
        }
        search.states = seen.count
        return search
    }
}

/// What `dialback.md` found in a model, found in the machines that are shipped.
///
/// IMX_SEARCH=2,1,1,1 in the environment searches wider bounds: honest claims, connections of the attacker, its claims,
/// its VERIFY records.
@Suite("Search for attacks on the dial-back")
struct SearchTests {
    private static let bounds = World.Bounds(claims: 1, connections: 1, hostileClaims: 1, hostileVerifies: 1)

    @Test("dialback 3, S02, G.6: within the bounds there is no attack on what is shipped")
    func shipped() {
        let search = Search.inBreadth(Variant(), Self.bounds)
        #expect(search.trace == nil, "\(search.trace ?? [])")
        print("the machines as shipped: \(search.states) states, \(search.statesWithTrust) with trust, no attack")
        #expect(search.states > 5000 && search.statesWithTrust > 500)
    }

    @Test("dialback 3: within wider bounds, where IMX_SEARCH gives them, there is none either")
    func wider() {
        let numbers =
            ProcessInfo.processInfo.environment["IMX_SEARCH"]?.split(separator: ",").compactMap { Int($0) } ?? []
        guard numbers.count == 4 else { return }
        let bounds = World.Bounds(
            claims: numbers[0],
            connections: numbers[1],
            hostileClaims: numbers[2],
            hostileVerifies: numbers[3]
        )
        let search = Search.inDepth(Variant(), bounds)
        #expect(search.trace == nil, "\(search.trace ?? [])")
        print("the machines as shipped, bounds \(numbers): \(search.states) states")
    }

    /// A weakening of what is shipped, and whether it is enough for an attack.
    struct Weak: CustomTestStringConvertible, Sendable {
        let name: String
        let isFooled: Bool
        let weaken: @Sendable (inout Variant) -> Void

        var testDescription: String { name }
    }

    static let weak = [
        Weak(name: "the draft: the secret travels back, targets are not looked at", isFooled: true) {
            ($0.sendsSecret, $0.ignoresTarget, $0.identifier) = (true, true, .none)
        },
        Weak(name: "the secret travels back, but targets are looked at", isFooled: false) { $0.sendsSecret = true },
        Weak(name: "targets are not looked at; names are the claimant's own", isFooled: false) {
            $0.ignoresTarget = true
        },
        Weak(name: "the same without any identifier", isFooled: false) {
            ($0.ignoresTarget, $0.identifier) = (true, .none)
        },
        Weak(name: "names are copied from VERIFY, without any identifier", isFooled: true) {
            ($0.ignoresTarget, $0.copiesNames, $0.identifier) = (true, true, .none)
        },
        Weak(name: "names are copied from VERIFY, with both nonces as identifier", isFooled: true) {
            ($0.ignoresTarget, $0.copiesNames, $0.identifier) = (true, true, .nonces)
        },
        Weak(name: "names are copied from VERIFY, with the HELLO records as identifier", isFooled: false) {
            ($0.ignoresTarget, $0.copiesNames) = (true, true)
        },
        Weak(name: "the token makes the leg trusted; targets are not looked at", isFooled: true) {
            ($0.ignoresTarget, $0.leg) = (true, .token)
        },
        Weak(name: "the confirmation makes the leg trusted; targets are not looked at", isFooled: false) {
            ($0.ignoresTarget, $0.leg) = (true, .confirmed)
        },
        Weak(name: "the confirmation makes the leg trusted, as `mutual` has it", isFooled: false) {
            $0.leg = .confirmed
        },
        Weak(name: "claims are known by their pair alone", isFooled: true) { $0.forgetsConnection = true },
        Weak(name: "a source is trusted for every target", isFooled: true) { $0.trustsSource = true },
        Weak(name: "a refusal says why", isFooled: true) { $0.tellsWhy = true },
        Weak(name: "a tenant with its own DNS passes on what is for itself", isFooled: true) {
            ($0.hasTenant, $0.countsOwnRelay) = (true, true)
        },
        Weak(name: "a tenant with its own DNS, and both ends bind to TLS", isFooled: false) {
            ($0.hasTenant, $0.countsOwnRelay, $0.identifier) = (true, true, .exporter)
        },
        Weak(name: "a tenant with its own DNS, of a careless claimant", isFooled: true) {
            ($0.hasTenant, $0.ignoresTarget, $0.copiesNames) = (true, true, true)
        },
        Weak(name: "a tenant with its own DNS", isFooled: false) { $0.hasTenant = true },
    ]

    @Test("dialback 3, G.6: each weakening that lets an attack through is caught, and no other", arguments: weak)
    func weakened(weak: Weak) {
        var variant = Variant()
        weak.weaken(&variant)
        let search = Search.inBreadth(variant, Self.bounds)
        #expect((search.trace != nil) == weak.isFooled)
        let found = search.trace.map { $0.joined(separator: "\n    ") } ?? "no attack"
        print("\(weak.name): \(search.states) states, \(search.statesWithTrust) with trust\n    \(found)")
    }
}
