// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

/// Tells when a crowd of connections has come and gone, so that what it cost can be given back to the system.
struct CrowdGauge {
    /// So many connections fewer than there were are a crowd.
    private static let crowd = 500
    private static let quiet = Interval.seconds(2)
    private var peak = 0
    private var last = 0
    private var stillSince = Instant.start

    /// Whether a crowd has been here whose end has not been told yet.
    func isWatching(_ count: Int) -> Bool { peak - count >= Self.crowd }

    /// Notes how many connections there are now; true once, when a crowd has gone and its last has left a while ago.
    mutating func hasGone(_ count: Int, now: Instant) -> Bool {
        if count < last || count > peak { stillSince = now }
        last = count
        peak = max(peak, count)
        guard isWatching(count), now - stillSince >= Self.quiet else { return false }
        peak = count
        return true
    }
}
