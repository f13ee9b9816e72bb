// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel
import NIOPosix
import Testing

@Suite("The harness judges")
struct FaultTests {
    @Test("Contract outcome: an adapter that does everything right passes every check")
    func right() async {
        let report = await Harness().run { try MemorySubject($0) }
        #expect(report.passed, "\(report)")
        #expect(report.notApplicable.isEmpty, "\(report)")
    }

    @Test("Contract outcome: the same on a real event loop")
    func rightOnEventLoop() async {
        let timing = HarnessTiming(
            quiet: .milliseconds(50),
            shortDeadline: .milliseconds(300),
            stopTime: .milliseconds(300)
        )
        let report = await Harness(timing: timing).run(on: MultiThreadedEventLoopGroup.singleton.next()) {
            try MemorySubject(EventLoopScheduler(eventLoop: $0))
        }
        #expect(report.passed, "\(report)")
    }

    @Test("Contract outcome: each fault is found by the checks that are there for it", arguments: Fault.allCases)
    func fault(_ fault: Fault) async throws {
        let report = await Harness().run { try MemorySubject($0, fault: fault) }
        #expect(report.failed == fault.foundBy, "\(report)")
        #expect(!report.passed)
    }

    @Test("Contract outcome: every check is needed, for it finds a fault that another would miss")
    func coverage() {
        let found = Set(Fault.allCases.flatMap(\.foundBy))
        let idle = Harness.checks.map(\.id).filter { !found.contains($0) }
        #expect(idle == [], "a check that no fault makes fail proves nothing")
    }

    @Test("Contract outcome: every check names requirements that the project answers for")
    func requirements() throws {
        let known = Set(try lines(of: "Documentation/Requirements.txt").map { $0.prefix { $0 != "\t" } })
        for check in Harness.checks {
            #expect(!check.requirements.isEmpty, "\(check.id)")
            for requirement in check.requirements {
                #expect(known.contains(requirement[...]), "\(check.id): \(requirement)")
            }
        }
    }

    @Test("Contract outcome: a run in which nothing could be tried has not passed")
    func nothingTried() async {
        let report = await Harness(only: ["no-such-check"]).run { try MemorySubject($0) }
        #expect(report.results.isEmpty && !report.passed)
    }

    @Test("Contract outcome: a failure says what was expected, what was seen, and where to look")
    func report() async throws {
        let report = await Harness(only: ["outcomes.unknown-user"]).run {
            try MemorySubject($0, fault: .callsUnknownUsersUnacceptable)
        }
        let text = report.description
        #expect(text.contains("0 passed, 1 failed, 0 not applicable"))
        #expect(text.contains("expected: 5003") && text.contains("seen:     5010"))
        #expect(text.contains("hint:     map the service's own") && text.contains("settle 0.0 5010"))
    }
}
