// SPDX-License-Identifier: Apache-2.0
import Configuration

/// The adapters that are compiled in: the one place where an adapter is added to the program.
enum CompiledAdapters {
    /// The keys that each adds to the configuration.
    static let schemas: [SettingsSchema] = []
}
