// SPDX-License-Identifier: Apache-2.0

/// An immutable value on the heap, so that a structure which rarely has it stays small.
@usableFromInline
final class Box<Value: Sendable & Hashable>: Sendable, Hashable {
    let value: Value

    init(_ value: Value) {
        self.value = value
    }

    @usableFromInline
    static func == (a: Box, b: Box) -> Bool { a === b || a.value == b.value }

    @usableFromInline
    func hash(into hasher: inout Hasher) { value.hash(into: &hasher) }
}
