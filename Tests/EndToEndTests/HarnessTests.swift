// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import EnvelopeModel
import NIOPosix
import Testing
import XMPPAdapter

extension EndToEnd {
    /// The checks of every adapter, with a real server at the other end of the link.
    @Suite("The XMPP adapter in the harness", .serialized, .timeLimit(.minutes(10)))
    struct HarnessTests {}
}

extension EndToEnd.HarnessTests {
    /// All checks but those of the link, which restart the server again and again.
    private static let steady: Set<String> = Set(
        Harness.checks.map(\.id).filter { !$0.hasPrefix("link.") }
    )
    private static let notApplicable = ["outcomes.unknown-user", "outcomes.deadline"]

    @Test(
        "Contract outcome, Contract ledger, Contract order, Contract confine, Contract stop, IMX 2.3, IMX 4.2.1, RFC2779 4.2.1, XEP-0106, XEP-0114, XEP-0199, IMX 2.5a, RFC2779 3.1.1, RFC2779 3.2.1, RFC2779 5.2.1: the XMPP adapter passes the checks at Prosody",
        .enabled(if: Place.has("prosody"))
    )
    func prosody() async throws {
        let scratch = try Scratch("harness-prosody")
        let report = try await run(try prosody(in: scratch), only: Self.steady)
        #expect(report.passed, "\(report)")
        #expect(notTried(report) == Self.notApplicable, "\(report)")
    }

    @Test(
        "Contract once, Contract order, Contract outcome, IMX A.2.3-2, RFC2779 5.4.2, RFC2779 3.2.3, RFC2779 3.2.5, IMX 4.1: the XMPP adapter passes the checks of the link while Prosody is killed",
        .enabled(if: Place.has("prosody"))
    )
    func prosodyKilled() async throws {
        let scratch = try Scratch("harness-prosody-killed")
        let report = try await run(try prosody(in: scratch), only: ["link"])
        #expect(report.passed, "\(report)")
        #expect(report.notApplicable == [], "\(report)")
    }

    @Test(
        "Contract outcome, Contract ledger, Contract order, Contract confine, Contract stop, IMX 2.3, IMX 4.2.1, RFC2779 4.2.1, XEP-0106, XEP-0114, XEP-0199, IMX 2.5a, RFC2779 3.1.1, RFC2779 3.2.1, RFC2779 5.2.1: the XMPP adapter passes the checks at ejabberd",
        .enabled(if: Place.has("erl"))
    )
    func ejabberd() async throws {
        let scratch = try Scratch("harness-ejabberd")
        let report = try await run(try ejabberd(in: scratch), only: Self.steady)
        #expect(report.passed, "\(report)")
        #expect(notTried(report) == Self.notApplicable, "\(report)")
    }

    @Test(
        "Contract once, Contract order, Contract outcome, IMX A.2.3-2, RFC2779 5.4.2: the XMPP adapter passes the checks of the link while ejabberd is killed",
        .enabled(if: Place.has("erl"))
    )
    func ejabberdKilled() async throws {
        let scratch = try Scratch("harness-ejabberd-killed")
        let report = try await run(
            try ejabberd(in: scratch),
            // Killed, it may forget what users said a moment before: who may see, and whom they see.
            only: ["link.resumes", "link.truth", "link.once", "link.asked"]
        )
        #expect(report.passed, "\(report)")
        #expect(report.notApplicable == [], "\(report)")
    }

    @Test(
        "XEP-0106, Contract outcome, IMX 4.2.1: the XMPP adapter passes the checks at a server that routes no foreign domains",
        .enabled(if: Place.has("prosody"))
    )
    func escaped() async throws {
        let scratch = try Scratch("harness-escaped")
        let server = try Prosody(domain: "a.example", accounts: ["alice", "carol"], in: scratch)
        let report = try await run(server, form: .escaped, only: Self.steady)
        #expect(report.passed, "\(report)")
        #expect(notTried(report) == Self.notApplicable, "\(report)")
    }

    /// What could not be tried, but for attributes, where it depends on what the adapter declares.
    private func notTried(_ report: HarnessReport) -> [String] {
        report.notApplicable.filter { !$0.hasPrefix("attributes.") }
    }

    private func prosody(in scratch: Scratch) throws -> Prosody {
        let foreign = [ServerSubject<Prosody>.foreignDomain]
        return try Prosody(domain: "a.example", accounts: ["alice", "carol"], foreign: foreign, in: scratch)
    }

    private func ejabberd(in scratch: Scratch) throws -> Ejabberd {
        let foreign = [ServerSubject<Ejabberd>.foreignDomain]
        return try Ejabberd(domain: "b.example", accounts: ["alice", "carol"], foreign: foreign, in: scratch)
    }

    private func run<Server: XMPPServer>(
        _ server: Server,
        form: XMPPSettings.Form = .native,
        only: Set<String>
    ) async throws -> HarnessReport {
        try await server.start()
        defer { server.stop() }
        let timing = HarnessTiming(quiet: .milliseconds(200), shortDeadline: .milliseconds(800))
        return await Harness(timing: timing, only: only).run(on: MultiThreadedEventLoopGroup.singleton.next()) {
            try ServerSubject(server, form: form, on: $0)
        }
    }
}
