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

    private func hasRoom(_ count: Int) -> Bool {
        count < settings.maximumRows && parties.octetCount < settings.maximumOctets
    }

    private func isOwnFull(_ hosted: Domain) -> Bool {
        rowsOfHosted[hosted, default: 0] >= settings.maximumPerHosted
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

    /// A row that the presentity's service has approved.
    func addApproved(_ watcher: Address, _ presentity: Address) -> UInt32? {
        guard hasRoom(watched.count), !isOwnFull(presentity.domain) else { return nil }
        count(1, of: presentity.domain, in: &rowsOfHosted)
        return watched.insert(watcher: parties.retain(watcher), presentity: parties.retain(presentity))
    }

    /// A row that a watcher asks for: however many do, the presentity's own domain has room for its own.
    func addAsked(_ watcher: Address, _ presentity: Address, isLetIn: Bool) -> UInt32? {
        let most = isLetIn ? settings.maximumPerHosted : settings.maximumPerHosted / 2
        guard hasRoom(watched.count), askedOfHosted[presentity.domain, default: 0] < most else { return nil }
        count(1, of: presentity.domain, in: &askedOfHosted)
        let row = watched.insert(watcher: parties.retain(watcher), presentity: parties.retain(presentity))
        watched[row].flags.insert(.strange)
        return row
    }

    /// Counts the row as the presentity's own from now on, if there is room.
    func own(_ row: UInt32) {
        let domain = parties.domain(watched[row].presentity)
        guard watched[row].flags.contains(.strange), !isOwnFull(domain) else { return }
        watched[row].flags.remove(.strange)
        count(-1, of: domain, in: &askedOfHosted)
        count(1, of: domain, in: &rowsOfHosted)
    }

    func addWatching(_ watcher: Address, _ presentity: Address) -> UInt32? {
        guard hasRoom(watching.count), !isOwnFull(watcher.domain) else { return nil }
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
        if watched[row].flags.contains(.strange) {
            count(-1, of: parties.domain(p), in: &askedOfHosted)
        } else {
            count(-1, of: parties.domain(p), in: &rowsOfHosted)
        }
        states.set(nil, .forWatcher, row, of: parties.domainNumber(p))
        cuts[row] = nil
        watched.remove(row)
        if watched.first(of: p) == nil { states.set(nil, .forAll, p, of: parties.domainNumber(p)) }
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
        states.set(nil, .shown, row, of: parties.domainNumber(w))
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
    func told(_ row: UInt32) -> Body {
        states[.forWatcher, row] ?? states[.forAll, watched[row].presentity] ?? .none
    }

    /// What a watcher here was shown last.
    func shown(_ row: UInt32) -> Body { states[.shown, row] ?? .none }

    func setShown(_ row: UInt32, _ state: Body) {
        states.set(state == .none ? nil : state, .shown, row, of: parties.domainNumber(watching[row].watcher))
    }

    /// Keeps a name that the presentity may read; a long one is cut.
    func setName(_ row: UInt32, _ name: DisplayName?) {
        guard let name, name.text.utf8.count > Self.nameLimit else { return names[row] = name }
        var end = name.text.utf8.index(name.text.startIndex, offsetBy: Self.nameLimit)
        while end.samePosition(in: name.text.unicodeScalars) == nil { end = name.text.utf8.index(before: end) }
        names[row] = DisplayName(String(name.text.unicodeScalars[..<end]), language: name.language)
    }

    /// What a watcher may be told of a user here.
    func state(ofWatched row: UInt32) -> Body {
        if watched[row].flags.contains(.polite) { return .none }
        return fitting(told(row), row)
    }

    /// Where a lease begins to count: beyond what an earlier lease of the pair or an earlier process said, also where
    /// nothing is left of those, for the watcher may still know them.
    func freshSequence(after last: UInt64) -> UInt64 {
        let milliseconds = UInt64(max(0, origin.milliseconds)) + nowMilliseconds
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
