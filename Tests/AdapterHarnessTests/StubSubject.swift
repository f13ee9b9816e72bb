// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel
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
    ]
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
        self.stub = stub
        return stub
    }

    private func took(_ envelope: Envelope) {
        var message = ServiceMessage(
            from: envelope.source,
            to: envelope.destination,
            "",
            thread: envelope.details?.thread?.id
        )
        if case .parts(let parts) = envelope.body {
            message.texts = parts.map { LocalizedText(String(buffer: $0.octets), language: $0.language) }
            message.content = parts.first
        }
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
        stub?.send(from: message.source, to: message.destination, message.text, details: details)
    }

    func forge(_ message: ServiceMessage) { send(message) }

    func stop() { stub = nil }
}
