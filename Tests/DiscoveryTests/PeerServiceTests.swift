// SPDX-License-Identifier: Apache-2.0
import Discovery
import TestSupport
import Testing

@Suite struct PeerServiceTests {
    static func service(_ rows: [(preference: UInt16, weight: UInt16)]) -> PeerService {
        PeerService(
            hosts: rows.enumerated().map { index, row in
                .init(
                    name: "h\(index)",
                    addresses: ["1.1.1.1"],
                    port: 1,
                    preference: row.preference,
                    weight: row.weight
                )
            },
            origin: .srv
        )
    }

    /// How often each host comes first in `count` orders.
    static func shares(_ weights: [UInt16], _ count: Int, seed: UInt64) -> [Int] {
        let service = service(weights.map { (0, $0) })
        var generator = SeededGenerator(seed: seed)
        var shares = [Int](repeating: 0, count: weights.count)
        for _ in 0..<count {
            guard let first = service.attempts(using: &generator).first?.host.name.dropFirst() else { continue }
            shares[Int(first) ?? 0] += 1
        }
        return shares
    }

    @Test("IMX 4.2.3: of three equal hosts each is first in a third of 10,000 picks, by chi-square")
    func equalHosts() {
        let shares = Self.shares([0, 0, 0], 10_000, seed: 1)
        let expected = 10_000.0 / 3
        let chiSquare = shares.reduce(0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
        #expect(chiSquare < 13.8, "\(shares)")  // 2 degrees of freedom, 1 in 1,000
    }

    @Test(
        "S51: shares follow RFC 2782 within 1% over 100,000 picks",
        arguments: [[1, 3], [10, 20, 70], [65535, 65535, 1]] as [[UInt16]]
    )
    func weights(weights: [UInt16]) {
        let count = 100_000
        let shares = Self.shares(weights, count, seed: 2)
        let sum = weights.reduce(0.0) { $0 + Double($1) }
        for (share, weight) in zip(shares, weights) {
            #expect(abs(Double(share) / Double(count) - Double(weight) / sum) < 0.01, "\(shares)")
        }
    }

    @Test("S51: a host of weight 0 beside others has a small chance, not none")
    func zeroWeight() {
        let shares = Self.shares([0, 9, 90], 30_000, seed: 3)
        // RFC 2782: one of the 100 numbers from 0 to 99 picks it.
        #expect((220...380).contains(shares[0]), "\(shares)")
    }

    @Test("IMX 4.2.3: every order goes by preference, and each address of each host comes once")
    func failOver() {
        var generator = SeededGenerator(seed: 4)
        let hosts: [PeerService.Host] = [
            .init(name: "b", addresses: ["2.2.2.2"], port: 2, preference: 20),
            .init(name: "a", addresses: ["2000::1", "1.1.1.1", "2000::2", "1.1.1.2"], port: 1, preference: 10),
            .init(name: "named", port: 3, preference: 30),
        ]
        let service = PeerService(hosts: hosts, origin: .imxRecord)
        for _ in 0..<100 {
            let attempts = service.attempts(using: &generator)
            #expect(attempts.map(\.host.name) == ["a", "a", "a", "a", "b", "named"])
            #expect(Set(attempts.prefix(4).map(\.address)) == ["2000::1", "1.1.1.1", "2000::2", "1.1.1.2"])
            // Families by turns, IPv6 first.
            #expect(attempts.prefix(4).map { $0.address.contains(":") } == [true, false, true, false])
            #expect(attempts[5].address == "named")
        }
    }

    @Test("S51: whatever the weights, 500 records end in an order that has each once")
    func property() {
        var generator = SeededGenerator(seed: 5)
        for round in 0..<40 {
            let count = round == 0 ? 500 : Int.random(in: 1...40, using: &generator)
            let rows = (0..<count).map { _ -> (preference: UInt16, weight: UInt16) in
                let choices: [UInt16] = [0, 0, 1, 65535, UInt16.random(in: 0...65535, using: &generator)]
                return (choices.randomElement(using: &generator) ?? 0, choices.randomElement(using: &generator) ?? 0)
            }
            let service = Self.service(rows)
            let hosts = service.attempts(using: &generator).map(\.host)
            #expect(Set(hosts.map(\.name)).count == count && hosts.count == count)
            #expect(hosts.map(\.preference) == hosts.map(\.preference).sorted())
        }
    }
}
