// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel
import Testing

/// The journal as the harness wants it.
final class JournalSubject: Subject {
    let domains: [Domain]
    let knownUser: Address
    let unknownUser: Address
    let limitations: [Ability: String] = [
        .refuses: "a journal takes everything",
        .staysSilent: "a journal takes everything at once",
        .losesItsLink: "the journal is in memory",
    ]
    private var journal: JournalAdapter?

    init() throws {
        domains = [try #require(Domain("journal.example"))]
        knownUser = try #require(Address("journal@journal.example"))
        unknownUser = try #require(Address("diary@journal.example"))
    }

    func makeAdapter(on host: any AdapterHost) throws -> JournalAdapter {
        let journal = JournalAdapter(host: host)
        self.journal = journal
        return journal
    }

    var received: [ServiceMessage] {
        journal?.entries.map { ServiceMessage(from: $0.author, to: knownUser, $0.text) } ?? []
    }

    /// Never called, for the adapter does not declare that its users send.
    func send(_ message: ServiceMessage) {}
}

@Suite("The journal")
struct JournalTests {
    @Test("Contract outcome: a simple adapter that only receives passes every check that it can be put to")
    func harness() async {
        let report = await Harness().run { _ in try JournalSubject() }
        #expect(report.passed, "\(report)")
    }

    @Test(
        "Contract outcome: a check that was left out needs no reason where the adapter does not declare what it is about"
    )
    func notApplicable() async {
        let report = await Harness(only: ["order"]).run { _ in try JournalSubject() }
        #expect(report.notApplicable == ["order.out"] && report.passed, "\(report)")
        #expect(report.description.contains("why:      the adapter does not declare sends-messages"))
    }
}
