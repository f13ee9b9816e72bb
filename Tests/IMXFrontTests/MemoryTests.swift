// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import Telemetry
import Testing

@testable import IMXFront

@Suite("What the front remembers of strangers")
struct MemoryTests {
    @Test("S42: each network has lines of its own in the log, bounded in all, and what is left out is counted")
    func budget() {
        var budget = LogBudget<AddressBlock?>()
        var now = Instant(nanoseconds: 10_000_000_000)
        let noisy = AddressBlock(ipv4: 0x0102_0300)
        let quiet = AddressBlock(ipv4: 0x0A02_0300)
        #expect((0..<1000).compactMap { _ in budget.take(noisy, now: now) }.count == 20)
        let other = budget.take(quiet, now: now)
        #expect(other == 0)
        now = now + .seconds(2)
        let leftOut = budget.take(noisy, now: now)
        #expect(leftOut == 980)
        #expect((0..<100).compactMap { _ in budget.take(noisy, now: now) }.count == 3)
        #expect(budget.leftOut == 97 && budget.leftOutInAll == 1077)
        let untold = [budget.takeLeftOut(), budget.takeLeftOut()]
        #expect(untold == [97, 0])
        let many = (0..<100_000 as Range<UInt32>).compactMap { budget.take(AddressBlock(ipv4: $0 << 8), now: now) }
        #expect(many.count <= 200)
    }

    @Test("IMX-1 §5.6: a process is known from its second greeting on, the last thousands of them")
    func peers() {
        var memory = PeerMemory()
        let first = ServerID(high: 0, low: 1)
        let greetings = [memory.note(first), memory.note(first)]
        #expect(greetings == [false, true])
        for number in 0..<8192 { _ = memory.note(ServerID(high: 1, low: UInt64(number))) }
        let later = [memory.note(first), memory.note(ServerID(high: 1, low: 8191))]
        #expect(later == [false, true])
    }
}
