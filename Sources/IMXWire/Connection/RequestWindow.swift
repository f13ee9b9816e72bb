// SPDX-License-Identifier: Apache-2.0

/// The requests of one connection that wait for an answer, in the order in which they were sent.
///
/// A tag is the low end of a running number, so that the tag of a CLOSE tells its place in that order even when its
/// request has been answered. Entries lie in a ring of slots at their tag; a number whose slot is still taken is
/// passed over.
struct RequestWindow {
    /// One request.
    struct Entry {
        var sequence: UInt64
        var type: RecordType
        /// What the sender knows the request by; nil once it has given it up.
        var cookie: UInt64?
    }

    /// Made with the first request: most connections of strangers never see one.
    private var slots: [Entry?] = []
    private var mask: UInt64 = 0
    /// The number of the last request sent; 0 before the first.
    private(set) var last: UInt64 = 0
    /// The number of requests without an answer.
    private(set) var count = 0
    /// The bits in front of the running number in every tag.
    private let prefix: UInt32

    /// The number of low bits in which a tag holds the running number.
    private static let numberBits: UInt32 = 20

    /// Makes a window whose tags carry `space` (0 to 4,094) in their upper twelve bits, the first after `last`.
    init(space: UInt32, last: UInt64 = 0) {
        self.last = last
        prefix = (space & 0xFFF) << Self.numberBits
    }

    /// Adds a request and returns its tag.
    mutating func add(_ type: RecordType, cookie: UInt64?) -> UInt32 {
        if count &* 2 >= slots.count { grow() }
        var sequence = last
        repeat { sequence &+= 1 } while slots[Int(sequence & mask)] != nil || !isUsable(tag(sequence))
        slots[Int(sequence & mask)] = Entry(sequence: sequence, type: type, cookie: cookie)
        last = sequence
        count &+= 1
        return tag(sequence)
    }

    /// Takes the request with `tag` out, where it is of type `type`.
    mutating func remove(_ tag: UInt32, type: RecordType? = nil) -> Entry? {
        let index = Int(UInt64(tag) & mask)
        guard index < slots.count, let entry = slots[index], self.tag(entry.sequence) == tag,
            type == nil || entry.type == type
        else { return nil }
        slots[index] = nil
        count &-= 1
        return entry
    }

    /// Gives the request with `tag` up; its place stays taken until the peer answers.
    mutating func abandon(_ tag: UInt32) {
        let index = Int(UInt64(tag) & mask)
        guard index < slots.count, let entry = slots[index], self.tag(entry.sequence) == tag else { return }
        slots[index]?.cookie = nil
    }

    /// Takes out, in order, the cookies of the requests that were sent after the one with `lastTag`.
    mutating func takeAll(after lastTag: UInt32) -> [UInt64] {
        takeAll { [floor = place(of: lastTag)] in $0 > floor }
    }

    /// Takes out, in order, the cookies of all requests.
    mutating func takeAll() -> [UInt64] {
        takeAll { _ in true }
    }

    private mutating func takeAll(where matches: (UInt64) -> Bool) -> [UInt64] {
        let taken = slots.compactMap { $0 }.filter { matches($0.sequence) }.sorted { $0.sequence < $1.sequence }
        for entry in taken { slots[Int(entry.sequence & mask)] = nil }
        count -= taken.count
        return taken.compactMap(\.cookie)
    }

    /// The place of a tag in the order of sending; 0 for the tag 0, and for one that was never sent.
    private func place(of tag: UInt32) -> UInt64 {
        guard tag != CloseRecord.nothingTaken, tag & ~Self.numberMask == prefix else { return 0 }
        let back = (UInt32(truncatingIfNeeded: last) &- tag) & Self.numberMask
        return UInt64(back) < last ? last - UInt64(back) : 0
    }

    private static let numberMask: UInt32 = (1 << numberBits) - 1

    private func tag(_ sequence: UInt64) -> UInt32 {
        prefix | (UInt32(truncatingIfNeeded: sequence) & Self.numberMask)
    }

    private func isUsable(_ tag: UInt32) -> Bool {
        tag != CloseRecord.nothingTaken && tag != CloseRecord.draining
    }

    private mutating func grow() {
        let entries = slots.compactMap { $0 }
        let size = max(16, slots.count * 2)
        slots = Array(repeating: nil, count: size)
        mask = UInt64(size - 1)
        for entry in entries { slots[Int(entry.sequence & mask)] = entry }
    }
}
