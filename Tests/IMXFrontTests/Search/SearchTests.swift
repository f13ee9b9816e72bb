// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import IMXWire

/// What `dialback.md` found in a model, found in the machines that are shipped.
///
/// IMX_SEARCH=2,1,1,1 in the environment searches wider bounds: honest claims, connections of the attacker, its claims,
/// its VERIFY records.
@Suite("Search for attacks on the dial-back")
struct SearchTests {
    static let bounds = World.Bounds(claims: 1, connections: 1, hostileClaims: 1, hostileVerifies: 1)

    @Test("dialback 3, S02, G.6: within the bounds there is no attack on what is shipped")
    func shipped() {
        let search = Search.inBreadth(Variant(), Self.bounds)
        #expect(search.trace == nil, "\(search.trace ?? [])")
        #expect(search.departures == 0)
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
}
