// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

/// A fixed row of counters, one for each case of an enumeration whose raw values count from 0.
///
/// Adding is one addition in place. Confined to one event loop, like what it counts.
public struct CounterSet<Key: CaseIterable & RawRepresentable & Sendable>: Sendable where Key.RawValue == Int {
    private var counts = [UInt64](repeating: 0, count: Key.allCases.count)

    /// Makes counters that stand at 0.
    public init() {}

    /// The count of `key`.
    @inlinable public subscript(key: Key) -> UInt64 { count(at: key.rawValue) }

    /// Adds to the count of `key`.
    public mutating func add(_ key: Key, _ amount: UInt64 = 1) {
        if counts.indices.contains(key.rawValue) { counts[key.rawValue] &+= amount }
    }

    /// The keys whose count is not 0, in order.
    public var nonzero: [(key: Key, count: UInt64)] { Key.allCases.map { ($0, self[$0]) }.filter { $0.1 > 0 } }

    @usableFromInline func count(at index: Int) -> UInt64 { counts.indices.contains(index) ? counts[index] : 0 }
}

/// Which way an envelope goes.
public enum Direction: Int, Sendable, Hashable, CaseIterable {
    /// From a peer to a domain that is hosted here.
    case inward
    /// From a domain that is hosted here to a peer.
    case outward
    /// Between two domains that are hosted here.
    case within
}

/// How often each outcome was given, by direction. Codes that no class has count under 5000.
public struct OutcomeCounters: Sendable {
    /// Codes of a class that have a counter of their own, from x000 up; the rest count under x000.
    private static let perClass = 100
    private var counts = [UInt64](repeating: 0, count: Direction.allCases.count * 4 * perClass)

    /// Makes counters that stand at 0.
    public init() {}

    /// Adds one.
    public mutating func add(_ code: OutcomeCode, _ direction: Direction) {
        counts[index(code, direction)] &+= 1
    }

    /// The count of a code.
    public subscript(code: OutcomeCode, direction: Direction) -> UInt64 { counts[index(code, direction)] }

    /// Every count that is not 0.
    public var nonzero: [(direction: Direction, code: OutcomeCode, count: UInt64)] {
        Direction.allCases.flatMap { direction in
            (0..<(4 * Self.perClass)).compactMap { place in
                let count = counts[direction.rawValue * 4 * Self.perClass + place]
                let code = UInt16(2000 + place / Self.perClass * 1000 + place % Self.perClass)
                return count == 0 ? nil : (direction, OutcomeCode(rawValue: code), count)
            }
        }
    }

    private func index(_ code: OutcomeCode, _ direction: Direction) -> Int {
        let rest = Int(code.rawValue % 1000)
        let isKnown = rest < Self.perClass && (2000..<6000).contains(code.rawValue)
        let place = (Int(code.classCode) / 1000 - 2) * Self.perClass + (isKnown ? rest : 0)
        return direction.rawValue * 4 * Self.perClass + place
    }
}
