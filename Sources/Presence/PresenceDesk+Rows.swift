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

    private func hasRoom(_ count: Int, for hosted: Domain) -> Bool {
        count < settings.maximumRows && parties.octetCount < settings.maximumOctets
            && rowsOfHosted[hosted, default: 0] < settings.maximumPerHosted
    }

    private func count(_ change: Int, of domain: Domain, in counts: inout [Domain: Int]) {
        let count = counts[domain, default: 0] + change
        counts[domain] = count > 0 ? count : nil
    }

    /// Counts the row against the domain that asked for it; false where that has too many.
    func charge(_ row: UInt32) -> Bool {
        if watched[row].flags.contains(.charged) { return true }
        let domain = parties.domain(watched[row].watcher)
        guard rowsOfDomain[domain, default: 0] < settings.maximumPerDomain else {
            if !watched[row].flags.contains(.approved) { forget(watchedRow: row) }
            return false
        }
        count(1, of: domain, in: &rowsOfDomain)
        watched[row].flags.insert(.charged)
        return true
    }

    func addWatched(_ watcher: Address, _ presentity: Address) -> UInt32? {
        guard hasRoom(watched.count, for: presentity.domain) else { return nil }
        count(1, of: presentity.domain, in: &rowsOfHosted)
        return watched.insert(watcher: parties.retain(watcher), presentity: parties.retain(presentity))
    }

    func addWatching(_ watcher: Address, _ presentity: Address) -> UInt32? {
        guard hasRoom(watching.count, for: watcher.domain) else { return nil }
        count(1, of: watcher.domain, in: &rowsOfHosted)
        return watching.insert(watcher: parties.retain(watcher), presentity: parties.retain(presentity))
    }

    func forget(watchedRow row: UInt32) {
        let (w, p) = (watched[row].watcher, watched[row].presentity)
        if watched[row].flags.contains(.stored) {
            changes.append(
                .remove(.init(.watched, watcher: watcher(ofWatched: row), presentity: presentity(ofWatched: row)))
            )
        }
        if watched[row].flags.contains(.charged) { count(-1, of: parties.domain(w), in: &rowsOfDomain) }
        count(-1, of: parties.domain(p), in: &rowsOfHosted)
        statesByRow[row] = nil
        cuts[row] = nil
        watched.remove(row)
        if watched.first(of: p) == nil { statesByParty[p] = nil }
        parties.release(w)
        parties.release(p)
    }

    func forget(watchingRow row: UInt32) {
        let (w, p) = (watching[row].watcher, watching[row].presentity)
        if watching[row].flags.contains(.stored) {
            changes.append(
                .remove(.init(.watching, watcher: watcher(ofWatching: row), presentity: presentity(ofWatching: row)))
            )
        }
        count(-1, of: parties.domain(w), in: &rowsOfHosted)
        shown[row] = nil
        names[row] = nil
        watching.remove(row)
        parties.release(w)
        parties.release(p)
    }

    /// Whether a fetch of the pair waits for its answer.
    func isOpen(_ watcher: Address, _ presentity: Address) -> Bool {
        openFetches[FetchKey(watcher: watcher, presentity: presentity)] != nil
    }

    /// What is known for a watcher, whether or not the watcher may be told.
    func told(_ row: UInt32) -> Body { statesByRow[row] ?? statesByParty[watched[row].presentity] ?? .none }

    /// What a watcher may be told of a user here.
    func state(ofWatched row: UInt32) -> Body {
        if watched[row].flags.contains(.polite) { return .none }
        return fitting(told(row), row)
    }

    /// Where a lease begins to count: beyond what an earlier lease of the pair or an earlier process said, also where
    /// nothing is left of those, for the watcher may still know them.
    func freshSequence(after last: UInt64) -> UInt64 {
        let milliseconds = UInt64(max(0, origin.milliseconds)) + UInt64(now) * 1_000
        return max(last &+ 1 << 20, milliseconds << 20)
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
