// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import NIOCore

/// Orders that wait for a link that takes them, in order. Of several states of one pair the last one counts, and it
/// stands where the first one stood unless something else was said about the pair in between.
struct OrderQueue {
    private var orders = CircularBuffer<PresenceOrder>()
    /// How many orders have left the queue.
    private var gone = 0
    /// Where the state of a pair stands, counted from the first order that ever was.
    private var shown: [Int: Int] = [:]
    private let limit: Int

    /// The most orders: as many as there are subscriptions at the most. Beyond it states are left out, and words, which
    /// no later state contains, are not.
    static let limit = 1 << 20

    init(limit: Int = OrderQueue.limit) { self.limit = limit }

    var isEmpty: Bool { orders.isEmpty }
    var count: Int { orders.count }
    var first: PresenceOrder? { orders.first }

    /// Takes an order; false where it is left out.
    mutating func append(_ order: PresenceOrder) -> Bool {
        switch order {
        case .show(let user, let presentity, _):
            let pair = PresenceMemory.pair(user, presentity)
            if let place = shown[pair] {
                orders[orders.index(orders.startIndex, offsetBy: place - gone)] = order
                return true
            }
            guard orders.count < limit else { return false }
            shown[pair] = gone + orders.count
        case .probe:
            guard orders.count < limit else { return false }
        case .approved(let user, let presentity), .ended(let user, let presentity, _):
            shown[PresenceMemory.pair(user, presentity)] = nil
        case .ask, .forget: break
        }
        orders.append(order)
        return true
    }

    mutating func popFirst() -> PresenceOrder? {
        guard let order = orders.popFirst() else { return nil }
        if case .show(let user, let presentity, _) = order {
            let pair = PresenceMemory.pair(user, presentity)
            if shown[pair] == gone { shown[pair] = nil }
        }
        gone += 1
        return order
    }

    mutating func removeAll() {
        orders.removeAll()
        shown.removeAll()
        gone = 0
    }
}
