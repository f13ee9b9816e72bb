// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

/// States that are larger than the way to a watcher takes.
extension PresenceDesk {
    /// How a state is cut for one watcher.
    struct Cut {
        /// The hash of the state that is meant; another one is tried whole.
        let state: Int
        /// How often it was made smaller.
        var times: UInt8
    }

    /// The state as it is sent to the row's watcher: smaller where the whole did not get through, and none where nothing
    /// smaller is left. That a presentity is there and cannot be shown is less than the truth; what was true once is none.
    func fitting(_ state: Body, _ row: UInt32) -> Body {
        guard let cut = cuts[row], cut.state == state.hashValue else { return state }
        guard cut.times <= 16 else { return .none }
        var state = state
        for _ in 0..<cut.times where state != .none { state = smaller(state) ?? .none }
        return state
    }

    /// A notification was too large: the same state follows at once with less in it, and so on until it fits.
    func sendLess(_ row: UInt32) {
        let state = told(row).hashValue
        let times = cuts[row].flatMap { $0.state == state ? $0.times : nil } ?? 0
        cuts[row] = Cut(state: state, times: min(times, 254) + 1)
        counters.cut += 1
        notify(row)
    }
}
