// SPDX-License-Identifier: Apache-2.0

/// The values noted last, a bounded number of them: one that is too many costs the oldest its place, and nobody else.
///
/// A key whose value was taken away keeps its place, so that a value that comes and goes drives out none of the others.
struct Recent<Value> {
    private struct Slot {
        var key: Int
        var value: Value?
    }

    private var slots: [Slot] = []
    private var places: [Int: Int32] = [:]
    /// The slot that is used again next, once all are used.
    private var next = 0
    private let limit: Int
    /// How many values there are.
    private(set) var count = 0

    init(limit: Int) {
        self.limit = limit
    }

    var isEmpty: Bool { count == 0 }

    subscript(key: Int) -> Value? {
        get {
            guard count > 0, let place = places[key] else { return nil }
            return slots[Int(place)].value
        }
        set {
            if let place = places[key] {
                count += (newValue == nil ? 0 : 1) - (slots[Int(place)].value == nil ? 0 : 1)
                slots[Int(place)].value = newValue
            } else if let newValue {
                append(Slot(key: key, value: newValue))
            }
        }
    }

    private mutating func append(_ slot: Slot) {
        count += 1
        if slots.count < limit {
            places[slot.key] = Int32(truncatingIfNeeded: slots.count)
            slots.append(slot)
            return
        }
        if slots[next].value != nil { count -= 1 }
        places[slots[next].key] = nil
        places[slot.key] = Int32(truncatingIfNeeded: next)
        slots[next] = slot
        next = (next + 1) % limit
    }
}
