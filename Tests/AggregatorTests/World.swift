// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import EnvelopeModel
import Logging
import NIOCore
import Presence
import Store
import Testing

/// One core with recorders for two domains and for the network, on a virtual clock.
struct World {
    let scheduler = VirtualScheduler()
    let core: AggregatorCore
    let a: RecordingAdapter
    let b: RecordingAdapter
    let network: RecordingAdapter
    static let serverID = ServerID(high: 1, low: 2)

    init(
        domainClass: DomainClass = DomainClass(),
        submissionWindow: Int = 8192,
        maximumLanes: Int = 1000,
        maximumWaitingOctets: Int = 1 << 30
    ) throws {
        var directory = DomainDirectory()
        directory[try domain("a.example")] = .init(domainClass: domainClass, adapter: "a")
        directory[try domain("b.example")] = .init(domainClass: domainClass, adapter: "b")
        core = AggregatorCore(
            settings: CoreSettings(
                name: "test",
                serverID: World.serverID,
                maximumLanes: maximumLanes,
                submissionWindow: submissionWindow,
                maximumWaitingOctets: maximumWaitingOctets
            ),
            directory: directory,
            scheduler: scheduler,
            repeatWindow: try RepeatWindow(path: nil, capacity: 1024, now: scheduler.now),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        core.attachPresence(
            PresenceDesk(now: scheduler.now, wallTime: WallTime(milliseconds: 1_800_000_000_000))
        )
        a = core.attach(named: "a") { RecordingAdapter(host: $0) }
        b = core.attach(named: "b") { RecordingAdapter(host: $0) }
        network = core.attach(named: "imx", authority: .network) { RecordingAdapter(host: $0) }
        core.start()
    }

    /// Whether the ledger's equation holds.
    var balances: Bool { core.ledger.balances(waiting: core.status.waiting) }
}

func domain(_ text: String) throws -> Domain { try #require(Domain(text)) }

func message(
    _ source: String,
    _ destination: String,
    id: String,
    hops: UInt8 = Envelope.initialHops,
    text: String = "hi",
    deadline: Instant = .distantFuture,
    details: Envelope.Details? = nil
) throws -> Envelope {
    Envelope(
        source: try #require(Address(source)),
        destination: try #require(Address(destination)),
        messageID: try #require(MessageID(id)),
        hops: hops,
        trace: TraceID(high: 1, low: 1),
        deadline: deadline,
        body: .parts([.text(text)]),
        details: details
    )
}
