// SPDX-License-Identifier: Apache-2.0
import Aggregator
import Configuration
import EnvelopeModel
import Logging
import MessageFormats
import Presence
import Store

/// Joins the presence desk to the core and to the disk.
enum PresenceMemory {
    /// Takes up the subscriptions where an earlier process left them.
    ///
    /// - Throws: what the database throws when they cannot be read.
    static func join(
        _ core: AggregatorCore,
        _ database: StateDatabase,
        grace: Interval,
        wallTime: WallTime,
        logger: Logger
    ) throws {
        var settings = PresenceDesk.Settings()
        settings.graceSeconds = UInt32(clamping: Int64(grace.seconds))
        let desk = PresenceDesk(settings: settings, now: core.time, wallTime: wallTime)
        let cutter = PresenceCutter()
        desk.smaller = { cutter.smaller($0) }
        desk.lease = { [unowned core] in core.lease(of: $0) }
        desk.isHosted = { [unowned core] in core.serves($0) }
        var count = 0
        try database.subscriptions {
            desk.restore($0)
            count += 1
        }
        if count > 0 { logger.notice("subscriptions taken up", metadata: ["count": "\(count)"]) }
        core.attachPresence(desk)
        core.onPresenceChanges = { database.record($0) }
    }
}

extension AggregatorConfiguration.DomainClass {
    /// The bounds of a lease in seconds; the longer of the two wins where they are crossed.
    var leaseSeconds: ClosedRange<UInt32> {
        let longest = UInt32(clamping: Int64(lease.seconds))
        return min(UInt32(clamping: Int64(leastLease.seconds)), longest)...longest
    }
}
