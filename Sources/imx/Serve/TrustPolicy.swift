// SPDX-License-Identifier: Apache-2.0
import Configuration
import Discovery
import EnvelopeModel
import IMXFront
import Logging
import Telemetry
import TransportSecurity

/// How much trust is enough: what the class of the hosted domain asks for, and what the foreign domain has shown before.
///
/// Confined to the event loop.
final class TrustPolicy {
    /// What is in force.
    var configuration: AggregatorConfiguration {
        didSet { levels = TrustPolicy.levels(configuration) }
    }
    private var levels: [Domain: TrustLevel]
    /// As at the start: `dns` and `listen` wait for the next one.
    private let addresses: AddressPolicy
    private let memory: TrustMemory
    private let logger: Logger

    init(_ configuration: AggregatorConfiguration, memory: TrustMemory, logger: Logger) {
        self.configuration = configuration
        self.memory = memory
        self.logger = logger
        levels = TrustPolicy.levels(configuration)
        addresses = PeerParts.addressPolicy(configuration)
    }

    /// What the front asks.
    var forPeers: PeerPolicy {
        PeerPolicy(
            requiredTrust: { [self] hosted, _ in levels[hosted] ?? .dialback },
            shownTrust: { [self] in memory.shown(by: $0) },
            noteTrust: { [self] peer, level in
                guard memory.note(peer, level, at: WallTime.now) else { return false }
                logger.notice(
                    "a peer is stronger than before, and is not believed with less from now on",
                    metadata: ["domain": "\(peer)", "trust": "\(level.word)"]
                )
                return true
            },
            addressRefusal: { [self] address, port in addresses.refusal(of: address, port: port) },
            isBlocked: { [self] in configuration.blocked.contains($0) },
            wallTime: { WallTime.now }
        )
    }

    private static func levels(_ configuration: AggregatorConfiguration) -> [Domain: TrustLevel] {
        var levels: [Domain: TrustLevel] = [:]
        for hosted in configuration.domains {
            let word = configuration.classes[hosted.className]?.trust
            levels[hosted.domain] = TrustLevel.allCases.first { $0.word == word } ?? .dialback
        }
        return levels
    }
}
