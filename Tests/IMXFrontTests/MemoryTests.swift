// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Testing

@testable import IMXFront

@Suite("What the front remembers of strangers")
struct MemoryTests {
    @Test("bounds: strangers cause a bounded number of log lines, and the rest is counted")
    func budget() {
        var budget = LogBudget()
        var now = Instant(nanoseconds: 10_000_000_000)
        let first = (0..<1000).compactMap { _ in budget.take(now: now) }
        #expect(first.count == 50)
        now = now + .seconds(2)
        let leftOut = budget.take(now: now)
        #expect(leftOut == 950)
        let second = (0..<100).compactMap { _ in budget.take(now: now) }
        #expect(second.count == 9)
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
