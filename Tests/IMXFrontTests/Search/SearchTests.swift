// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import IMXWire

/// What `dialback.md` found in a model, found in the machines that are shipped.
///
/// IMX_SEARCH=2,1,1,1 in the environment searches wider bounds: honest claims, connections of the attacker, its claims,
/// its VERIFY records. Documentation/Testing.md says what was searched.
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

    private static let widerBounds = ProcessInfo.processInfo.environment["IMX_SEARCH"]

    @Test("Search: within the bounds that IMX_SEARCH gives there is no attack either", .enabled(if: widerBounds != nil))
    func wider() throws {
        let numbers = try #require(Self.widerBounds).split(separator: ",").compactMap { Int($0) }
        try #require(numbers.count == 4, "IMX_SEARCH wants four numbers with commas between them")
        let bounds = World.Bounds(
            claims: numbers[0],
            connections: numbers[1],
            hostileClaims: numbers[2],
            hostileVerifies: numbers[3]
        )
        let search = Search.inDepth(Variant(), bounds)
        #expect(search.trace == nil, "\(search.trace ?? [])")
        #expect(search.departures == 0 && search.statesWithTrust > 0)
        print("the machines as shipped, bounds \(numbers): \(search.states) states")
    }
}
