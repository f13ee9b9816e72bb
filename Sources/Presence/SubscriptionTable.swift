// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore

/// The subscriptions of one side: found by their two parties, listed by one of them, and in line by when they are due.
struct SubscriptionTable {
    /// Which party's rows are listed together.
    enum Listing {
        case byWatcher
        case byPresentity
    }

    private static let none = SubscriptionRow.none
    private(set) var rows: ContiguousArray<SubscriptionRow> = []
    private var free: [UInt32] = []
    private var index = SlotIndex()
    private let listing: Listing
    /// The first row of each party, by the party's number.
    private var heads: ContiguousArray<UInt32> = []
    /// Identifiers of more than sixteen octets.
    private var longIDs: [UInt32: ByteBuffer] = [:]
    private var wheel: DueWheel

    init(listing: Listing, now: UInt32) {
        self.listing = listing
        wheel = DueWheel(now: now)
    }

    /// How many subscriptions there are.
    var count: Int { rows.count - free.count }

    subscript(row: UInt32) -> SubscriptionRow {
        _read { yield rows[Int(row)] }
        _modify { yield &rows[Int(row)] }
    }

    func find(watcher: UInt32, presentity: UInt32) -> UInt32? {
        index.find(Self.hash(watcher, presentity)) {
            rows[Int($0)].watcher == watcher && rows[Int($0)].presentity == presentity
        }
    }

    /// Whether the row is in use, and the same that it was when it had this generation.
    func isLive(_ row: UInt32, _ generation: UInt16) -> Bool {
        Int(row) < rows.count && rows[Int(row)].generation == generation && rows[Int(row)].flags.contains(.live)
    }

    /// Adds a subscription; there must be none between the two.
    mutating func insert(watcher: UInt32, presentity: UInt32) -> UInt32 {
        var fresh = SubscriptionRow(watcher: watcher, presentity: presentity)
        fresh.flags = .live
        let row: UInt32
        if let reused = free.popLast() {
            row = reused
            fresh.generation = rows[Int(row)].generation &+ 1
            rows[Int(row)] = fresh
        } else {
            row = UInt32(rows.count)
            rows.append(fresh)
        }
        index.insert(row, hash: hash(row))
        link(row)
        return row
    }

    mutating func remove(_ row: UInt32) {
        wheel.remove(row, from: &rows)
        unlink(row)
        index.remove(row, hash: hash(row))
        longIDs[row] = nil
        rows[Int(row)].flags = []
        free.append(row)
    }

    // MARK: Identifiers

    func id(of row: UInt32) -> SubscriptionID? {
        if let long = longIDs[row] { return SubscriptionID(long) }
        var octets = ByteBuffer()
        octets.writeMultipleIntegers(rows[Int(row)].idHigh, rows[Int(row)].idLow)
        return octets.getSlice(at: 0, length: Int(rows[Int(row)].idLength)).flatMap(SubscriptionID.init)
    }

    mutating func set(_ id: SubscriptionID, of row: UInt32) {
        let length = id.octets.readableBytes
        guard length <= 16 else {
            rows[Int(row)].idLength = 255
            longIDs[row] = ByteBuffer(bytes: id.octets.readableBytesView)
            return
        }
        longIDs[row] = nil
        (rows[Int(row)].idHigh, rows[Int(row)].idLow) = Self.packed(id)
        rows[Int(row)].idLength = UInt8(length)
    }

    /// Whether the row's identifier is `id`; for every notification that comes, so nothing is made.
    func hasID(_ id: SubscriptionID, _ row: UInt32) -> Bool {
        let entry = rows[Int(row)]
        guard entry.idLength != 255 else { return longIDs[row] == id.octets }
        guard id.octets.readableBytes == Int(entry.idLength) else { return false }
        return Self.packed(id) == (entry.idHigh, entry.idLow)
    }

    /// The octets of an identifier of at most sixteen, zeros behind them.
    private static func packed(_ id: SubscriptionID) -> (high: UInt64, low: UInt64) {
        id.octets.withUnsafeReadableBytes { bytes in
            var words: (high: UInt64, low: UInt64) = (0, 0)
            for (index, octet) in bytes.enumerated() {
                if index < 8 {
                    words.high |= UInt64(octet) << (56 - 8 * index)
                } else {
                    words.low |= UInt64(octet) << (120 - 8 * index)
                }
            }
            return words
        }
    }

    // MARK: Lists

    /// The rows of a party, the one that was added last first. The table may be changed between two steps, but the row
    /// given last must stay.
    func first(of party: UInt32) -> UInt32? {
        guard Int(party) < heads.count, heads[Int(party)] != Self.none else { return nil }
        return heads[Int(party)]
    }

    func next(after row: UInt32) -> UInt32? {
        let next = rows[Int(row)].next
        return next == Self.none ? nil : next
    }

    private func party(_ row: UInt32) -> Int {
        Int(listing == .byWatcher ? rows[Int(row)].watcher : rows[Int(row)].presentity)
    }

    private mutating func link(_ row: UInt32) {
        let party = party(row)
        while heads.count <= party { heads.append(Self.none) }
        let head = heads[party]
        rows[Int(row)].next = head
        if head != Self.none { rows[Int(head)].previous = row }
        heads[party] = row
    }

    private mutating func unlink(_ row: UInt32) {
        let (next, previous) = (rows[Int(row)].next, rows[Int(row)].previous)
        if next != Self.none { rows[Int(next)].previous = previous }
        if previous == Self.none { heads[party(row)] = next } else { rows[Int(previous)].next = next }
    }

    // MARK: Time

    /// Has the row come up at `second`; never where it is 0.
    mutating func schedule(_ row: UInt32, at second: UInt32) {
        wheel.remove(row, from: &rows)
        rows[Int(row)].due = second
        if second > 0 { wheel.insert(row, into: &rows) }
    }

    /// The rows that are due by `second`, each taken out of the line.
    mutating func takeDue(by second: UInt32) -> [UInt32] { wheel.advance(to: second, &rows) }

    // MARK: Hashes

    private func hash(_ row: UInt32) -> UInt32 { Self.hash(rows[Int(row)].watcher, rows[Int(row)].presentity) }

    /// The numbers are our own, so no stranger can make them collide.
    private static func hash(_ watcher: UInt32, _ presentity: UInt32) -> UInt32 {
        var mixed = UInt64(watcher) << 32 | UInt64(presentity)
        mixed = (mixed ^ (mixed &>> 32)) &* 0xd6e8_feb8_6659_fd93
        return UInt32(truncatingIfNeeded: mixed ^ (mixed &>> 29))
    }
}
