// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import Aggregator
import EnvelopeModel
import Logging
import MessageFormats
import NIOCore
import Presence
import Store

/// One check's world: a real core, the adapter under test behind a probe, and a recorder that stands for the network.
final class Bench {
    let subject: any Subject
    let descriptor: AdapterDescriptor
    let log: ProbeLog
    let core: AggregatorCore
    let network: RecordingAdapter
    /// Where subscriptions are kept; the network stands for everybody whom users of the service watch or are watched by.
    let desk: PresenceDesk
    let timing: HarnessTiming
    let pace: Pace
    /// The foreign domain that the recorder answers for.
    let foreignDomain: Domain
    private var lastToken: UInt64 = 0
    private var outcomesRead = 0
    private var outcomes: [UInt64: [Outcome]] = [:]
    private(set) var isStopped = false
    /// What watchers at the foreign domain were told.
    var sightings = SightingLog()
    /// How many subscriptions each of them has ended.
    var subscriptions: [Address: Int] = [:]
    /// The number of the last notification for a user of the service.
    var sequence: UInt64 = 1 << 60

    /// Makes the world and attaches the adapter, without starting it.
    init<S: Subject>(_ subject: S, log: ProbeLog, pace: Pace, timing: HarnessTiming, submissionWindow: Int) throws {
        guard let foreignDomain = Domain("far.example") else { throw CheckObstacle(reason: "no foreign domain") }
        self.foreignDomain = foreignDomain
        self.subject = subject
        self.log = log
        self.pace = pace
        self.timing = timing
        descriptor = S.Tested.descriptor
        let scheduler = pace.scheduler
        log.now = { scheduler.now }
        let roomy = DomainClass(laneLimits: LaneLimits(messages: 1 << 20, octets: 1 << 30))
        var directory = DomainDirectory()
        for domain in subject.domains { directory[domain] = .init(domainClass: roomy, adapter: "tested") }
        core = AggregatorCore(
            settings: CoreSettings(
                name: "harness",
                serverID: ServerID(high: 0x6861_726E, low: 1),
                submissionWindow: submissionWindow
            ),
            directory: directory,
            scheduler: scheduler,
            repeatWindow: try RepeatWindow(path: nil, capacity: 1 << 16, now: scheduler.now),
            logger: Logger(label: "harness") { _ in SwiftLogNoOpLogHandler() }
        )
        desk = PresenceDesk(now: scheduler.now, wallTime: WallTime(milliseconds: 1_800_000_000_000))
        let core = core
        core.attachPresence(desk)
        try core.attach(named: "tested") { port in
            Probe(try subject.makeAdapter(on: ProbeHost(port, of: core, log: log)), log: log)
        }
        network = core.attach(named: "network", authority: .network) { RecordingAdapter(host: $0) }
    }

    /// Starts the adapter and waits until it says that its link is up.
    func start() async throws {
        core.start()
        try await until("the adapter reports its link up", seen: shownLinks) { log.links.last == .up }
    }

    /// Stops the adapter; true where it was done by its deadline.
    @discardableResult
    func stop() async -> Bool {
        isStopped = true
        var isDone = false
        core.stopAdapters(by: pace.scheduler.now + timing.stopTime) { isDone = true }
        return await pace.wait(Interval(nanoseconds: timing.stopTime.nanoseconds &+ 250_000_000)) { isDone }
    }

    // MARK: Waiting and judging

    /// Waits for what must happen.
    func until(_ expected: String, seen: () -> String, _ condition: () -> Bool) async throws {
        guard await pace.wait(timing.patience, until: condition) else {
            throw CheckFailure(expected: expected, seen: seen() + " after \(timing.patience.seconds) s")
        }
    }

    /// Lets the quiet time pass, for what must not happen.
    func quiet() async { await pass(timing.quiet) }

    /// Lets time pass.
    func pass(_ interval: Interval) async { _ = await pace.wait(interval) { false } }

    func require(_ condition: Bool, _ expected: String, seen: @autoclosure () -> String) throws {
        guard condition else { throw CheckFailure(expected: expected, seen: seen()) }
    }

    func shownLinks() -> String {
        log.links.isEmpty ? "no word about the link" : "links \(log.links.map(\.description).joined(separator: "; "))"
    }

    // MARK: The network's side

    /// Somebody at the foreign domain.
    func foreign(_ localPart: String = "eve") throws -> Address {
        guard let address = Address(localPart: ByteBuffer(string: localPart), domain: foreignDomain) else {
            throw CheckObstacle(reason: "\(localPart) is no local part")
        }
        return address
    }

    /// An envelope from the foreign domain.
    func envelope(
        from sender: String = "eve",
        to user: Address,
        _ text: String,
        id: String? = nil,
        deadline: Interval? = nil,
        details: Envelope.Details? = nil
    ) throws -> Envelope {
        let identifier = id.flatMap { MessageID($0) } ?? network.host.makeMessageID(native: nil)
        return Envelope(
            source: try foreign(sender),
            destination: user,
            messageID: identifier,
            trace: network.host.makeTraceID(),
            deadline: deadline.map { pace.scheduler.now + $0 } ?? .distantFuture,
            body: .parts([.text(text)]),
            details: details
        )
    }

    /// Sends envelopes from the network in one batch, and returns their tokens.
    @discardableResult
    func submit(_ envelopes: [Envelope]) -> [UInt64] {
        let batch = envelopes.map { envelope in
            lastToken += 1
            return Submission(token: lastToken, envelope: envelope)
        }
        network.host.submit(batch)
        return batch.map(\.token)
    }

    /// Every outcome that was given for a token, in order.
    func outcomes(of token: UInt64) -> [Outcome] {
        for settlement in network.settlements[outcomesRead...] {
            outcomes[settlement.token, default: []].append(settlement.outcome)
        }
        outcomesRead = network.settlements.count
        return outcomes[token] ?? []
    }

    /// Waits until every token has an outcome.
    func settle(_ tokens: [UInt64]) async throws {
        func open() -> Int { tokens.count { outcomes(of: $0).isEmpty } }
        try await until("each of \(tokens.count) messages ends in an outcome", seen: { "\(open()) without one" }) {
            open() == 0
        }
    }

    /// Sends one envelope from the network and waits for its outcome.
    func outcome(of envelope: Envelope) async throws -> Outcome {
        let tokens = submit([envelope])
        try await settle(tokens)
        return outcomes(of: tokens[0]).first ?? Outcome(.internalError)
    }

    /// The code of a message that the service took.
    var success: OutcomeCode { descriptor.capabilities.contains(.confirmsDelivery) ? .delivered : .uncertain }

    // MARK: The service's side

    /// What a user of the service has received of those texts.
    func received(by user: Address) -> [ServiceMessage] { subject.received.filter { $0.destination == user } }

    /// Waits until the service's users have received so many messages.
    func received(_ count: Int) async throws -> [ServiceMessage] {
        try await until("\(count) messages reach the service's users", seen: { "\(subject.received.count)" }) {
            subject.received.count >= count
        }
        return subject.received
    }

    /// Has the known user write so many texts to the foreign user, and waits until all have arrived there.
    func arrivals(of texts: [String]) async throws -> [Envelope] {
        let eve = try foreign()
        for text in texts { try await subject.send(ServiceMessage(from: subject.knownUser, to: eve, text)) }
        return try await arrived(texts.count)
    }

    /// Waits until so many envelopes have arrived at the network.
    func arrived(_ count: Int) async throws -> [Envelope] {
        try await until("\(count) messages arrive at the network", seen: { "\(letters.count)" }) {
            letters.count >= count
        }
        return letters
    }

    /// What has arrived at the network, but for presence.
    var letters: [Envelope] {
        network.deliveries.map(\.envelope).filter { envelope in
            switch envelope.operation {
            case .subscribe, .notify: false
            default: true
            }
        }
    }
}

extension Envelope {
    /// The text that a plain user would read.
    var plainText: String? { MIMEEntity.plainText(of: body).map { String(buffer: $0) } }
}

extension String {
    /// Whether both are the same octets: `==` would take two spellings of one character for equal.
    func isExactly(_ other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
