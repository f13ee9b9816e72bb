// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import Configuration
import NIOCore
import StubAdapter
import XMPPAdapter

/// The adapters that are compiled in: the one place where an adapter is added to the program.
enum CompiledAdapters {
    /// One kind of adapter.
    struct Kind: Sendable {
        /// Its keys in the configuration file; their word names the kind.
        let schema: SettingsSchema
        /// Makes an instance from its section, on the aggregator's event loop.
        let make: @Sendable (Settings, any AdapterHost, any EventLoop) throws -> any Adapter
    }

    /// Every kind, in the order of the documentation.
    static let kinds: [Kind] = [
        Kind(schema: StubSettings.schema) { settings, host, _ in
            StubAdapter(host: host, settings: try StubSettings(settings))
        },
        Kind(schema: XMPPSettings.schema) { settings, host, eventLoop in
            XMPPAdapter(settings: try XMPPSettings(settings), host: host, eventLoop: eventLoop)
        },
    ]

    /// Makes the instance that `section` describes.
    static func make(
        _ section: AggregatorConfiguration.AdapterSection,
        _ host: any AdapterHost,
        _ eventLoop: any EventLoop
    ) throws -> any Adapter {
        guard let kind = kinds.first(where: { $0.schema.word == section.kind }) else {
            throw CommandFailure("there is no adapter \"\(section.kind)\"")
        }
        return try kind.make(section.settings, host, eventLoop)
    }

    /// The keys that each adds to the configuration.
    static let schemas: [SettingsSchema] = kinds.map(\.schema)
}
