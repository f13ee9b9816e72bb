// SPDX-License-Identifier: Apache-2.0
public import Logging
import Synchronization

/// The least severity that is logged, for all loggers of a process at once; it can be changed while they are in use.
public final class LevelSwitch: Sendable {
    private let place: Atomic<Int>

    /// Makes a switch that stands at `level`.
    public init(_ level: Logger.Level) {
        place = Atomic(LevelSwitch.levels.firstIndex(of: level) ?? 0)
    }

    /// The level.
    public var level: Logger.Level {
        get { LevelSwitch.levels[place.load(ordering: .relaxed)] }
        set { place.store(LevelSwitch.levels.firstIndex(of: newValue) ?? 0, ordering: .relaxed) }
    }

    private static let levels = Logger.Level.allCases
}
