// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import NIOPosix
import Testing

@Suite("The harness judges")
struct FaultTests {
    @Test("outcome contract: an adapter that does everything right passes every check")
    func right() async {
        let report = await Harness().run { try MemorySubject($0) }
        #expect(report.passed, "\(report)")
        #expect(report.notApplicable.isEmpty, "\(report)")
    }

    @Test("outcome contract: each fault is found by the check that is there for it", arguments: Fault.allCases)
    func fault(_ fault: Fault) async throws {
        let report = await Harness().run { try MemorySubject($0, fault: fault) }
        #expect(report.failed == [], "\(fault)")
    }
}
