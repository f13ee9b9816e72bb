// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

/// What went wrong around a test, in words.
struct HarnessError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Asks `condition` every 20 ms until it answers, and gives that answer.
///
/// Throws when `limit` has passed without one, with the detail of what was seen last.
func eventually<T>(
    _ what: String,
    within limit: Duration,
    detail: () -> String = { "" },
    _ condition: () throws -> T?
) async throws -> T {
    let clock = ContinuousClock()
    let end = clock.now + limit
    while true {
        if let value = try condition() { return value }
        guard clock.now < end else { throw HarnessError("no \(what) within \(limit)\n\(detail())") }
        try await Task.sleep(for: .milliseconds(20))
    }
}

/// ``eventually(_:within:detail:_:)`` for a plain yes or no.
func eventually(
    _ what: String,
    within limit: Duration,
    detail: () -> String = { "" },
    _ condition: () throws -> Bool
) async throws {
    _ = try await eventually(what, within: limit, detail: detail) { try condition() ? true : nil }
}

/// A value that threads of a test share.
final class Locked<Value: Sendable>: Sendable {
    private let stored: Mutex<Value>

    init(_ value: Value) { stored = Mutex(value) }

    var value: Value { stored.withLock { $0 } }
    func set(_ value: Value) { stored.withLock { $0 = value } }
    func change(_ body: (inout Value) -> Void) { stored.withLock { body(&$0) } }
}
