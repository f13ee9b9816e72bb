// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel
import MessageFormats
import NIOCore
import StubAdapter
import Testing

/// The stub and its users, as the harness wants them.
final class StubSubject: Subject {
    let domains: [Domain]
    let knownUser: Address
    let unknownUser: Address
    let refusingUser: (address: Address, code: OutcomeCode)?
    let silentUser: Address?
    let pauseSlack = 0
    let limitations: [Ability: String] = [
        .losesItsLink: "the users live in memory, there is no link",
        .repeatsIdentifiers: "the users give no identifiers of their own",
        .hasDevices: "a user has one state",
    ]
    private(set) var news: [PresenceNews] = []
    private(set) var received: [ServiceMessage] = []
    private(set) var bounces: [ServiceBounce] = []
    private var stub: StubAdapter?

    init() throws {
        domains = [try #require(Domain("stub.example"))]
        knownUser = try #require(Address("alice@stub.example"))
        unknownUser = try #require(Address("nobody@stub.example"))
        refusingUser = (try #require(Address("carol@stub.example")), .refused)
        let silent = try #require(Address("dave@stub.example"))
        silentUser = silent
    }

    func makeAdapter(on host: any AdapterHost) throws -> StubAdapter {
        let stub = StubAdapter(
            host: host,
            settings: StubSettings(users: [
                "alice": StubUser(),
                "carol": StubUser(outcome: Outcome(.refused)),
                "dave": StubUser(outcome: nil),
            ])
        )
        stub.onMessage = { [weak self] in self?.took($0) }
        stub.onSettlement = { [weak self] in self?.ended($0) }
        listen(to: stub)
        self.stub = stub
        return stub
    }

    private func listen(to stub: StubAdapter) {
        stub.onAsk = { [weak self] in self?.news.append(.asked($0, by: $1)) }
        stub.onForget = { [weak self] in self?.news.append(.forgotten($0, by: $1)) }
        stub.onApproval = { [weak self] in self?.news.append(.approved($0, by: $1)) }
        stub.onEnd = { [weak self] user, other, _ in self?.news.append(.ended(user, by: other)) }
        stub.onState = { [weak self] user, other, state in
            self?.news.append(.sees(user, other, status: MemoryAdapter.status(of: state)))
        }
    }

    func act(_ deed: PresenceDeed) {
        switch deed {
        case .watches(let user, let other): stub?.watch(user, other)
        case .givesUp(let user, let other): stub?.unwatch(user, other)
        case .approves(let user, let watcher): stub?.decide(user, watcher, true)
        case .refuses(let user, let watcher): stub?.decide(user, watcher, false)
        case .appears(let user, _, let status): stub?.set(status: status, of: user)
        case .leaves(let user, _): stub?.set(status: nil, of: user)
        }
    }

    private func took(_ envelope: Envelope) {
        var message = ServiceMessage(
            from: envelope.source,
            to: envelope.destination,
            "",
            thread: envelope.details?.thread?.id
        )
        if case .parts(let parts) = envelope.body {
            let rich = parts.first { HTMLLite.isHTMLLite(mediaType: $0.mediaType) }
            message.richText = rich.map { String(buffer: $0.octets) }
            message.texts = parts.filter { $0 != rich }.map {
                LocalizedText(String(buffer: $0.octets), language: $0.language)
            }
            message.content = parts.first
        } else {
            message.texts = []
        }
        message.chatState = envelope.details?.chatState
        message.replaces = envelope.details?.replaces?.description
        message.subjects = envelope.details?.subjects ?? []
        received.append(message)
    }

    private func ended(_ settlement: Settlement) {
        guard let envelope = settlement.envelope else { return }
        bounces.append(
            ServiceBounce(to: envelope.source, about: envelope.destination, code: settlement.outcome.code)
        )
    }

    func send(_ message: ServiceMessage) {
        var details = Envelope.Details()
        details.subjects = message.subjects
        details.thread = message.thread.map { MessageThread(id: $0) }
        details.chatState = message.chatState
        details.replaces = message.replaces.flatMap { MessageID($0) }
        var parts: [BodyPart] = [.text(message.text)]
        if let rich = message.richText {
            parts.append(BodyPart(mediaType: HTMLLite.writtenMediaType, octets: ByteBuffer(string: rich)))
        }
        stub?.send(
            from: message.source,
            to: message.destination,
            .parts(parts),
            id: message.nativeID.flatMap { MessageID($0) },
            details: details
        )
    }

    func forge(_ message: ServiceMessage) { send(message) }

    func stop() { stub = nil }
}
