// SPDX-License-Identifier: Apache-2.0

/// What is needed to tell the senders of submitted stanzas how they ended, by the token of the submission.
struct SubmissionTable {
    private struct Slot {
        var header: StanzaHeader?
        var generation: UInt32 = 0
    }

    private var slots: [Slot] = []
    private var free: [UInt32] = []

    /// How many submissions are unsettled.
    var count: Int { slots.count - free.count }

    /// Keeps `header` and returns its token, which is never 0.
    mutating func insert(_ header: StanzaHeader) -> UInt64 {
        let index: UInt32
        if let reused = free.popLast() {
            index = reused
        } else {
            index = UInt32(truncatingIfNeeded: slots.count)
            slots.append(Slot())
        }
        let generation = slots[Int(index)].generation &+ 1
        slots[Int(index)] = Slot(header: header.detached(), generation: generation)
        return UInt64(generation) << 32 | UInt64(index)
    }

    /// Gives back what `token` stands for, once.
    mutating func remove(_ token: UInt64) -> StanzaHeader? {
        let index = Int(token & 0xFFFF_FFFF)
        guard index < slots.count, slots[index].generation == UInt32(truncatingIfNeeded: token >> 32),
            let header = slots[index].header
        else { return nil }
        slots[index].header = nil
        free.append(UInt32(truncatingIfNeeded: index))
        return header
    }
}
