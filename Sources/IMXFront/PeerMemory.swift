// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

/// The peers' processes that have been here since this one started, the last few thousand of them.
///
/// IMX-1 §5.6: a repeat from a process that has not been here before can only be of something that was sent to a
/// process before this one, and is not carried out.
struct PeerMemory {
    private let limit = 8192
    private var known: Set<ServerID> = []
    private var order: [ServerID] = []
    private var oldest = 0

    /// Notes `id`; tells whether it was known.
    mutating func note(_ id: ServerID) -> Bool {
        guard known.insert(id).inserted else { return true }
        if order.count < limit {
            order.append(id)
        } else {
            known.remove(order[oldest])
            order[oldest] = id
            oldest = (oldest + 1) % limit
        }
        return false
    }
}
