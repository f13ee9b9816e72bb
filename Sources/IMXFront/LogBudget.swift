// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

/// How many log lines strangers may cause: so many at once, and so many a second after that. What is left out is
/// counted and told in one line.
struct LogBudget {
    private let burst = 50
    private let perSecond = 5
    private var spent = 0
    private var since = Instant.start
    private(set) var leftOut = 0

    /// Whether a line may be logged now; gives back how many were left out before it.
    mutating func take(now: Instant) -> Int? {
        let seconds = Int(clamping: (now - since).nanoseconds / 1_000_000_000)
        if seconds > 0 {
            let (regained, overflow) = seconds.multipliedReportingOverflow(by: perSecond)
            spent = overflow ? 0 : max(0, spent - regained)
            since = now
        }
        guard spent < burst else {
            leftOut += 1
            return nil
        }
        spent += 1
        defer { leftOut = 0 }
        return leftOut
    }
}
