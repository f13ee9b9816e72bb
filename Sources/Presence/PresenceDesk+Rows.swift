// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import NIOCore

/// Rows: finding, making, storing and forgetting them.
extension PresenceDesk {
    func watchedRow(_ watcher: Address, _ presentity: Address) -> UInt32? {
        guard let w = parties.find(watcher), let p = parties.find(presentity) else { return nil }
        return watched.find(watcher: w, presentity: p)
    }

    func watchingRow(_ watcher: Address, _ presentity: Address) -> UInt32? {
        guard let w = parties.find(watcher), let p = parties.find(presentity) else { return nil }
        return watching.find(watcher: w, presentity: p)
    }

    func watcher(ofWatched row: UInt32) -> Address { parties.address(watched[row].watcher) }
    func presentity(ofWatched row: UInt32) -> Address { parties.address(watched[row].presentity) }
    func watcher(ofWatching row: UInt32) -> Address { parties.address(watching[row].watcher) }
    func presentity(ofWatching row: UInt32) -> Address { parties.address(watching[row].presentity) }

    func hasLease(_ row: UInt32) -> Bool { watched[row].expires > 0 }

    func addWatched(_ watcher: Address, _ presentity: Address) -> UInt32? {
        guard watched.count < settings.maximumRows,
            rowsOfDomain[watcher.domain, default: 0] < settings.maximumPerDomain
        else { return nil }
        rowsOfDomain[watcher.domain, default: 0] += 1
        return watched.insert(watcher: parties.retain(watcher), presentity: parties.retain(presentity))
    }

    func addWatching(_ watcher: Address, _ presentity: Address) -> UInt32? {
        guard watching.count < settings.maximumRows else { return nil }
        return watching.insert(watcher: parties.retain(watcher), presentity: parties.retain(presentity))
    }

    func forget(watchedRow row: UInt32) {
        let (w, p) = (watched[row].watcher, watched[row].presentity)
        if watched[row].flags.contains(.stored) {
            changes.append(.remove(.watched, watcher: watcher(ofWatched: row), presentity: presentity(ofWatched: row)))
        }
        let domain = parties.domain(w)
        rowsOfDomain[domain, default: 1] -= 1
        if rowsOfDomain[domain] == 0 { rowsOfDomain[domain] = nil }
        statesByRow[row] = nil
        watched.remove(row)
        if watched.first(of: p) == nil { statesByParty[p] = nil }
        parties.release(w)
        parties.release(p)
    }

    func forget(watchingRow row: UInt32) {
        let (w, p) = (watching[row].watcher, watching[row].presentity)
        if watching[row].flags.contains(.stored) {
            changes.append(
                .remove(.watching, watcher: watcher(ofWatching: row), presentity: presentity(ofWatching: row))
            )
        }
        shown[row] = nil
        names[row] = nil
        watching.remove(row)
        parties.release(w)
        parties.release(p)
    }

    /// What a watcher may be told of a user here.
    func state(ofWatched row: UInt32) -> Body {
        if watched[row].flags.contains(.polite) { return .none }
        return statesByRow[row] ?? statesByParty[watched[row].presentity] ?? .none
    }

    /// Where a lease begins to count: beyond what an earlier lease of the pair or an earlier process said, also where
    /// nothing is left of those, for the watcher may still know them.
    func freshSequence(after last: UInt64) -> UInt64 {
        let seconds = UInt64(max(0, origin.milliseconds / 1_000)) + UInt64(now)
        return max(last &+ 1 << 24, seconds << 24)
    }

    func extend(_ row: UInt32, _ seconds: UInt32) {
        watched[row].expires = addSaturating(now, seconds)
        watched.schedule(row, at: watched[row].expires)
    }

    /// Asks the service for the state; `comparing` where the answer should be what is known already.
    func probe(_ row: UInt32, comparing: Bool = false) {
        guard away[presentity(ofWatched: row).domain] == nil else { return }
        if comparing { watched[row].flags.insert(.probed) }
        orders.append(.probe(presentity: presentity(ofWatched: row), watcher: watcher(ofWatched: row)))
    }

    func addSaturating(_ a: UInt32, _ b: UInt32) -> UInt32 {
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? .max : sum
    }
}

extension ByteBuffer {
    /// The readable octets in memory of their own.
    var copied: ByteBuffer {
        var own = ByteBuffer()
        own.writeImmutableBuffer(self)
        return own
    }
}
