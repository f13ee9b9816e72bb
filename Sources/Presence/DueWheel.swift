// SPDX-License-Identifier: Apache-2.0

/// A ring of seconds, each with the list of the rows that are due in it: entering, leaving and moving a row cost the
/// same however many there are. What lies beyond one turn of the ring stays in its place until its turn comes.
struct DueWheel {
    private static let none = SubscriptionRow.none
    private static let size = 4_096
    private var heads = ContiguousArray<UInt32>(repeating: none, count: size)
    private var now: UInt32

    init(now: UInt32) { self.now = now }

    private func place(_ second: UInt32) -> Int { Int(second) & (Self.size - 1) }

    /// Enters a row by its `due`; what is due already comes up in the next second.
    mutating func insert(_ row: UInt32, into rows: inout ContiguousArray<SubscriptionRow>) {
        rows[Int(row)].due = max(rows[Int(row)].due, now + 1)
        let place = place(rows[Int(row)].due)
        let head = heads[place]
        rows[Int(row)].nextDue = head
        rows[Int(row)].previousDue = Self.none
        if head != Self.none { rows[Int(head)].previousDue = row }
        heads[place] = row
    }

    /// Takes a row out of the line, if it stands there.
    mutating func remove(_ row: UInt32, from rows: inout ContiguousArray<SubscriptionRow>) {
        guard rows[Int(row)].due > 0 else { return }
        let (next, previous) = (rows[Int(row)].nextDue, rows[Int(row)].previousDue)
        if next != Self.none { rows[Int(next)].previousDue = previous }
        if previous == Self.none {
            heads[place(rows[Int(row)].due)] = next
        } else {
            rows[Int(previous)].nextDue = next
        }
        rows[Int(row)].due = 0
        rows[Int(row)].nextDue = Self.none
        rows[Int(row)].previousDue = Self.none
    }

    /// Goes on to `second` and takes out what is due by then, earlier seconds first.
    mutating func advance(to second: UInt32, _ rows: inout ContiguousArray<SubscriptionRow>) -> [UInt32] {
        var due: [UInt32] = []
        // After a long sleep, one turn of the ring has seen every row.
        if second > now, second - now > UInt32(Self.size) { now = second - UInt32(Self.size) }
        while now < second {
            now += 1
            var row = heads[place(now)]
            while row != Self.none {
                let next = rows[Int(row)].nextDue
                if rows[Int(row)].due <= now {
                    remove(row, from: &rows)
                    due.append(row)
                }
                row = next
            }
        }
        return due
    }
}
