// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Discovery
import EnvelopeModel
import IMXWire
import Logging
import NIOCore
import TestSupport
import Testing

@testable import IMXFront

/// A front without a core behind it: what it submits is written down, and answered as the test says.
final class BareHost: AdapterHost {
    let name = "imx"
    let scheduler: any Scheduler
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    var domains: [Domain]
    /// What becomes of a submission; nil where it is not answered.
    var answer: (Envelope) -> Outcome? = { _ in .delivered }
    /// Called for each submission.
    var onSubmission: ((Submission) -> Void)?
    private(set) var submitted: [Envelope] = []
    private(set) var outcomes: [(ticket: Ticket, outcome: Outcome)] = []
    private(set) var drops: [DropReason: Int] = [:]
    weak var front: IMXFront?
    private var lastTicket: UInt32 = 0
    private var lastID = 0

    init(scheduler: any Scheduler, domains: [Domain]) {
        self.scheduler = scheduler
        self.domains = domains
    }

    func serves(_ domain: Domain) -> Bool { domains.contains(domain) }

    func submit(_ batch: [Submission]) {
        var settlements: [Settlement] = []
        for submission in batch {
            submitted.append(submission.envelope)
            onSubmission?(submission)
            if let outcome = answer(submission.envelope) {
                settlements.append(Settlement(token: submission.token, outcome: outcome, envelope: nil))
            }
        }
        front?.settled(settlements)
    }

    func presence(_ events: [PresenceEvent]) {}

    func settle(_ ticket: Ticket, _ outcome: Outcome) { outcomes.append((ticket, outcome)) }

    func turn(_ body: () -> Void) { body() }

    func linkChanged(to state: LinkState) {}

    func count(_ reason: DropReason) { drops[reason, default: 0] += 1 }

    func note(_ trace: TraceID, _ step: @autoclosure () -> String) {}

    func makeTraceID() -> TraceID { TraceID(high: 5, low: 5) }

    func makeMessageID(native: String?) -> MessageID {
        lastID += 1
        return MessageID("id\(lastID)") ?? MessageID(unchecked: ByteBuffer(integer: lastID))
    }

    /// Has the front send these, in one turn.
    func send(_ envelopes: [Envelope]) {
        front?.deliver(
            envelopes.map {
                lastTicket += 1
                return Delivery(ticket: Ticket(index: lastTicket, generation: 1), envelope: $0)
            }
        )
    }

    /// How what was sent ended, in the order of the ends.
    var codes: [OutcomeCode] { outcomes.map(\.outcome.code) }
}

/// Fronts without cores on a simulated network.
final class BareInternet {
    let scheduler = VirtualScheduler()
    let network: SimulatedNetwork

    /// One front and the host that stands for its core.
    struct Place {
        let front: IMXFront
        let host: BareHost
        let transport: SimulatedTransport
    }

    init(seed: UInt64 = 1) { network = SimulatedNetwork(scheduler: scheduler, seed: seed) }

    /// Starts a front for `domains` as host `number`; it finds `others` by their numbers.
    func start(
        _ number: Int,
        _ domains: [String],
        others: [String: Int],
        configure: (inout FrontSettings) -> Void = { _ in }
    ) throws -> Place {
        let names = try domains.map { try #require(Domain($0)) }
        let host = BareHost(scheduler: scheduler, domains: names)
        let transport = SimulatedTransport(network: network, number: number)
        var table: [Domain: PeerService] = [:]
        for (name, at) in others {
            let endpoint = PeerEndpoint(host: Internet.address(at), port: 5290)
            table[try #require(Domain(name))] = PeerService(configured: [endpoint])
        }
        let serverID = ServerID(high: network.generator.next(), low: UInt64(number))
        var settings = FrontSettings(serverID: serverID)
        settings.connection.grease = false
        configure(&settings)
        let front = IMXFront(
            host: host,
            settings: settings,
            transport: transport,
            resolver: StaticPeerTable(table),
            isHosted: { names.contains($0) },
            generator: SeededGenerator(seed: serverID.high)
        )
        host.front = front
        front.start()
        network.listen(transport, on: PeerEndpoint(host: Internet.address(number), port: 5290))
        return Place(front: front, host: host, transport: transport)
    }

    /// Takes a front off the network without a word.
    func kill(_ place: Place) {
        network.remove(place.transport)
        place.transport.delegate = nil
    }
}
