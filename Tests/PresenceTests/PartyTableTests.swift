// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import TestSupport
import Testing

@testable import Presence

/// The table of parties against a plain dictionary.
@Suite("The table of parties")
struct PartyTableTests {
    /// Addresses of very different lengths at a few domains; the same local part stands at several.
    private static func address(_ number: Int) -> Address {
        let local = String(repeating: "p", count: [0, 5, 60, 700, 1_000][number / 3 % 5]) + "\(number / 3)"
        return PresenceTests.address("\(local)@d\(number % 3).example")
    }

    @Test("RFC2779 2.2.2: parties keep their numbers while rows name them, and are told apart", arguments: 1...8)
    func dictionary(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let table = PartyTable()
        var known: [Address: (number: UInt32, uses: Int)] = [:]
        let addresses = (0..<900).map(Self.address)
        for step in 0..<9_000 {
            // Phases of growth and of decay, so that the octets are moved together now and then.
            let grows = Int.random(in: 0..<10, using: &random) < (step / 1_500 % 2 == 0 ? 8 : 2)
            let address = addresses[Int.random(in: 0..<900, using: &random)]
            if grows {
                let number = table.retain(address)
                if let before = known[address], before.number != number {
                    Issue.record("seed \(seed), step \(step): another number")
                }
                known[address] = (number, (known[address]?.uses ?? 0) + 1)
            } else if let entry = known[address] {
                table.release(entry.number)
                known[address] = entry.uses > 1 ? (entry.number, entry.uses - 1) : nil
            }
            if step % 1_000 == 0 { check(table, known, addresses, "seed \(seed), step \(step)") }
        }
        check(table, known, addresses, "seed \(seed)")
        for entry in known.values { for _ in 0..<entry.uses { table.release(entry.number) } }
        check(table, [:], addresses, "seed \(seed), empty")
    }

    private func check(
        _ table: PartyTable,
        _ known: [Address: (number: UInt32, uses: Int)],
        _ addresses: [Address],
        _ context: String
    ) {
        #expect(table.count == known.count, "\(context)")
        #expect(Set(known.values.map(\.number)).count == known.count, "\(context): a number twice")
        let lost = addresses.filter { table.find($0) != known[$0]?.number }
        #expect(lost.isEmpty, "\(context): not found, or found and gone")
        let wrong = known.filter { address, entry in
            table.address(entry.number) != address || table.domain(entry.number) != address.domain
        }
        #expect(wrong.isEmpty, "\(context): told as another")
        // Never more than what is alive, what may lie idle, and the allowance for that.
        let alive = known.keys.reduce(0) { $0 + $1.localPart.readableBytes }
        #expect(table.octetCount <= 2 * alive + 65_536 + 16_384 || known.isEmpty, "\(context)")
    }
}
