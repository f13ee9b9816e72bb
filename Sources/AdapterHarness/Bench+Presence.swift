// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import MessageFormats

import struct NIOCore.ByteBuffer

/// What watchers at the foreign domain were told, read as it comes.
struct SightingLog {
    /// One notification.
    struct Sighting {
        var state: SubscriptionState
        /// What the presentity says, from its first device that says something; nil where it is not there.
        var status: String?
        /// What each device says that is there, sorted.
        var devices: [String] = []
    }

    private var read = 0
    private var all: [Address: [Sighting]] = [:]
    private let reader = PIDFReader(mode: .strict)

    /// What `watcher` was told.
    mutating func sightings(of watcher: Address, _ deliveries: [Delivery]) -> [Sighting] {
        for delivery in deliveries[read...] {
            guard case .notify(let notification) = delivery.envelope.operation else { continue }
            let sighting = sighting(notification.state, delivery.envelope.body)
            all[delivery.envelope.destination, default: []].append(sighting)
        }
        read = deliveries.count
        return all[watcher] ?? []
    }

    private func sighting(_ state: SubscriptionState, _ body: Body) -> Sighting {
        guard case .success(let reading) = reader.read(body) else { return Sighting(state: state) }
        let open = reading.document.tuples.filter { $0.basic == .open }
        let notes = open.map { $0.notes.first?.text ?? "" }
        return Sighting(state: state, status: notes.first, devices: notes.sorted())
    }
}

extension Bench {
    /// Somebody at the foreign domain whom no earlier check has used, for a service may remember who may see whom.
    func stranger() throws -> Address {
        try foreign("w" + String(UInt64.random(in: 0...UInt64.max), radix: 36))
    }

    // MARK: Watchers at the foreign domain

    /// Has a watcher subscribe, renew or, with no time, give up for good.
    @discardableResult
    func subscribe(_ watcher: Address, _ user: Address, seconds: UInt32 = 600) throws -> UInt64 {
        guard let id = SubscriptionID("\(watcher) \(subscriptions[watcher, default: 0])") else {
            throw CheckObstacle(reason: "no identifier of a subscription")
        }
        if seconds == 0 { subscriptions[watcher, default: 0] += 1 }
        return submitOne(.subscribe(.init(id: id, seconds: seconds, forgets: seconds == 0)), watcher, user)
    }

    /// Sends a request from the network in one envelope.
    func submitOne(
        _ operation: Envelope.Operation,
        _ source: Address,
        _ user: Address,
        body: Body = .none
    ) -> UInt64 {
        submit([
            Envelope(
                operation: operation,
                source: source,
                destination: user,
                messageID: network.host.makeMessageID(native: nil),
                trace: network.host.makeTraceID(),
                body: body
            )
        ])[0]
    }

    /// Asks for attributes of a user.
    func attributes(_ keys: [String], of user: Address, for requester: Address) async throws -> Outcome {
        let token = submitOne(.getAttributes(keys), requester, user)
        try await settle([token])
        return outcomes(of: token).first ?? Outcome(.internalError)
    }

    /// Has a watcher look once at the known user, and waits for the answer and for that of the service.
    func fetch(_ watcher: Address, _ condition: (SightingLog.Sighting) -> Bool) async throws {
        let (told, asked) = (sightings(of: watcher).count, log.probeCount)
        guard let id = SubscriptionID("\(watcher) once \(told)") else { throw CheckObstacle(reason: "no identifier") }
        try await settle([submitOne(.subscribe(.init(id: id, seconds: 0)), watcher, subject.knownUser)])
        try require(log.probeCount > asked, "the core asks the adapter", seen: "no .probe")
        try await until("an answer to .probe", seen: { "none" }) { !log.openProbes.contains { $0.watcher == watcher } }
        func seen() -> String { "\(sightings(of: watcher).dropFirst(told))" }
        try await until("the state, as it is", seen: seen) {
            sightings(of: watcher).dropFirst(told).contains(where: condition)
        }
    }

    /// What a watcher was told.
    func sightings(of watcher: Address) -> [SightingLog.Sighting] {
        sightings.sightings(of: watcher, network.deliveries)
    }

    /// Waits until the last that a watcher was told is as it should be.
    func until(
        _ expected: String,
        of watcher: Address,
        _ condition: (SightingLog.Sighting) -> Bool
    ) async throws {
        func seen() -> String { sightings(of: watcher).suffix(5).map { "\($0)" }.joined(separator: "; ") }
        try await until(expected, seen: seen) { sightings(of: watcher).last.map(condition) ?? false }
    }

    /// Waits until a user has been told something so many times.
    func until(_ news: PresenceNews, count: Int = 1) async throws {
        func seen() -> String { "\(subject.news.suffix(5))" }
        try await until("the user is told, \(news)", seen: seen) {
            subject.news.count { $0 == news } >= count
        }
    }

    /// Has a watcher ask the known user.
    func ask(_ watcher: Address) async throws {
        let user = subject.knownUser
        let token = try subscribe(watcher, user)
        try await settle([token])
        let outcome = outcomes(of: token)[0]
        try require(
            outcome.code == .awaitingApproval || outcome.code == .delivered,
            "the wish is taken, 2002 or 2000",
            seen: "\(outcome.code)"
        )
        try await until(.asked(user, by: watcher))
    }

    /// Has a watcher ask the known user, who says yes.
    func approvedWatcher() async throws -> Address {
        let watcher = try stranger()
        try await ask(watcher)
        try await subject.act(.approves(subject.knownUser, watcher))
        try await until("an active subscription", of: watcher) { $0.state == .active }
        return watcher
    }

    // MARK: Presentities at the foreign domain

    /// Has the known user watch somebody, who says yes; returns the presentity and the subscription.
    func approvedPresentity() async throws -> (presentity: Address, id: SubscriptionID) {
        let presentity = try stranger()
        let user = subject.knownUser
        try await subject.act(.watches(user, presentity))
        func wishes() -> [Envelope.Subscribe] { self.wishes(for: presentity).filter { $0.seconds > 0 } }
        try await until("the wish arrives at the network", seen: { "nothing" }) { !wishes().isEmpty }
        let id = wishes()[0].id
        tell(id, presentity, .active, "0")
        try await until(.approved(user, by: presentity))
        try await until(.sees(user, presentity, status: "0"))
        return (presentity, id)
    }

    /// What users of the service wish of a presentity.
    func wishes(for presentity: Address) -> [Envelope.Subscribe] {
        network.deliveries.compactMap { delivery in
            guard delivery.envelope.destination == presentity,
                case .subscribe(let wish) = delivery.envelope.operation
            else { return nil }
            return wish
        }
    }

    /// Tells the known user about a presentity; a status of nil says that it is not there.
    func tell(_ id: SubscriptionID, _ presentity: Address, _ state: SubscriptionState, _ status: String?) {
        sequence += 1
        let notification = Envelope.Notification(id: id, state: state, sequence: sequence)
        _ = submitOne(.notify(notification), presentity, subject.knownUser, body: body(of: presentity, status))
    }

    private func body(of presentity: Address, _ status: String?) -> Body {
        guard let status else { return .none }
        var tuple = PresenceTuple(id: "t1", basic: .open)
        tuple.notes = [LocalizedText(status)]
        var document = PresenceDocument(about: presentity)
        document.tuples = [tuple]
        return .parts([BodyPart(mediaType: PresenceDocument.mediaType, octets: PIDFWriter.octets(of: document))])
    }

    /// What the known user has seen of a presentity, in order.
    func views(of presentity: Address) -> [String?] {
        let user = subject.knownUser
        return subject.news.compactMap { news in
            guard case .sees(user, presentity, let status) = news else { return nil }
            return .some(status)
        }
    }
}
