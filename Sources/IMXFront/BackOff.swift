// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

/// The pauses between tries to reach a peer: each twice as long as the last up to a bound, and spread by up to a half,
/// so that many links that broke together do not come back together.
package struct BackOff: Sendable, Hashable {
    /// The first pause.
    package var first: Interval
    /// The longest pause.
    package var most: Interval

    /// Makes pauses from `first` to `most`.
    package init(first: Interval = .milliseconds(200), most: Interval = .seconds(60)) {
        self.first = first
        self.most = most
    }

    func pause(after failures: Int, using generator: inout some RandomNumberGenerator) -> Interval {
        let doublings = min(max(0, failures - 1), 16)
        let (full, overflow) = first.nanoseconds.multipliedReportingOverflow(by: 1 << doublings)
        let bounded = overflow ? most.nanoseconds : min(full, most.nanoseconds)
        return Interval(nanoseconds: bounded - Int64.random(in: 0...(bounded / 2), using: &generator))
    }
}
