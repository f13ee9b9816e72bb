// SPDX-License-Identifier: Apache-2.0

/// A store of bounded size in which what was used lately stays longest: two generations, of which the older one goes
/// when the younger one is full.
struct AnswerCache<Key: Hashable, Value> {
    private var young: [Key: Value] = [:]
    private var old: [Key: Value] = [:]
    private let half: Int

    /// Makes a store of at most `capacity` values, at least two.
    init(capacity: Int) { half = max(1, capacity / 2) }

    /// How many values there are.
    var count: Int { young.count + old.count }

    /// The value of `key`.
    subscript(key: Key) -> Value? {
        mutating get {
            if let value = young[key] { return value }
            guard let value = old.removeValue(forKey: key) else { return nil }
            insert(key, value)
            return value
        }
        set {
            old.removeValue(forKey: key)
            guard let newValue else {
                young.removeValue(forKey: key)
                return
            }
            insert(key, newValue)
        }
    }

    private mutating func insert(_ key: Key, _ value: Value) {
        if young.count >= half, young[key] == nil {
            old = young
            young = [:]
        }
        young[key] = value
    }
}
