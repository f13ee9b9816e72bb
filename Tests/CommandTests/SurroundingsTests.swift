// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import imx

@Suite("What the process needs around it") struct SurroundingsTests {
    @Test("S42: no start where the hashes of tables can be foreseen", arguments: ["1", "0", ""])
    func hashing(value: String) throws {
        try Surroundings.check { _ in nil }
        #expect(throws: CommandFailure.self) {
            try Surroundings.check { $0 == "SWIFT_DETERMINISTIC_HASHING" ? value : nil }
        }
    }
}
