// SPDX-License-Identifier: Apache-2.0
import Configuration

/// Composes an aggregator and runs it.
enum Serve {
    /// Runs until a signal ends it.
    static func run(_ configuration: AggregatorConfiguration) throws {
        throw CommandFailure("serve is not composed yet")
    }
}
