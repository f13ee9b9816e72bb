// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel
import Testing

/// The service in memory, as the harness wants it. An adapter's author writes the like of it.
final class MemorySubject: Subject {
    let domains: [Domain]
    let knownUser: Address
    let unknownUser: Address
    let refusingUser: (address: Address, code: OutcomeCode)?
    let silentUser: Address?
    let pauseSlack = 1
    private let service: MemoryService
    private let fault: Fault?

    init(_ scheduler: any Scheduler, fault: Fault? = nil) throws {
        self.fault = fault
        domains = [try #require(Domain("memory.example")), try #require(Domain("second.example"))]
        knownUser = try #require(Address("Ann@memory.example"))
        unknownUser = try #require(Address("nobody@memory.example"))
        let refusing = try #require(Address("no@memory.example"))
        refusingUser = (refusing, .refused)
        let silent = try #require(Address("silent@memory.example"))
        silentUser = silent
        service = MemoryService(
            scheduler: scheduler,
            users: [knownUser: .delivered, refusing: Outcome(.refused), silent: nil]
        )
    }

    var received: [ServiceMessage] { service.received }
    var bounces: [ServiceBounce] { service.bounces }

    func makeAdapter(on host: any AdapterHost) throws -> MemoryAdapter {
        MemoryAdapter(host: host, service: service, fault: fault)
    }

    func send(_ message: ServiceMessage) { service.send(message, by: message.source) }

    func forge(_ message: ServiceMessage) { service.send(message, by: knownUser) }

    var news: [PresenceNews] { service.roster.news }

    func act(_ deed: PresenceDeed) { service.act(deed) }

    func cutLink() { service.cut() }

    func restoreLink() { service.restore() }
}
