// SPDX-License-Identifier: Apache-2.0
import Configuration
import EnvelopeModel
import Foundation
import IMXFront
import Logging
import Store
import Testing
import TransportSecurity

@testable import imx

/// What the aggregator asks of foreign domains, from its configuration and from what they have shown.
@Suite("How much trust is enough") struct TrustPolicyTests {
    private let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path

    private func policy(_ database: StateDatabase) throws -> TrustPolicy {
        let text = """
            name: north
            state-directory: state
            adapters: { demo: { kind: stub, users: { alice: {} } } }
            classes: { default: {}, strict: { trust: certificate } }
            domains:
              a.example: { adapter: demo }
              bank.example: { adapter: demo, class: strict }

            """
        let configuration = try AggregatorConfiguration.parse(text, adapters: CompiledAdapters.schemas) { _ in nil }
        return TrustPolicy(configuration, memory: try TrustMemory(database), logger: Logger(label: "test"))
    }

    @Test("S27, G.3-11, IMX 6.1.3: what a domain has shown is asked of it ever after, after a restart too")
    func onceStrong() throws {
        let a = try #require(Domain("a.example"))
        let bank = try #require(Domain("bank.example"))
        let peer = try #require(Domain("peer.example"))
        let other = try #require(Domain("other.example"))
        do {
            let database = try StateDatabase(path: path)
            let asked = try policy(database).forPeers
            #expect(asked.requiredTrust(a, peer) == .dialback && asked.requiredTrust(bank, peer) == .certificate)
            let isMore = [TrustLevel.tls, .certificate, .tls, .dialback].map { asked.noteTrust(peer, $0) }
            #expect(isMore == [true, true, false, false])
            #expect(asked.shownTrust(peer)?.level == .certificate)
            #expect(asked.shownTrust(other) == nil, "one domain says nothing of another")
            database.flush()
        }
        let asked = try policy(try StateDatabase(path: path)).forPeers
        #expect(asked.shownTrust(peer)?.level == .certificate && asked.shownTrust(other) == nil)
    }
}
