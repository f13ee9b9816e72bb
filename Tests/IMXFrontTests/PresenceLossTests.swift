// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel
import IMXWire
import NIOCore
import Testing

@testable import IMXFront

/// What becomes of presence and attributes when connections and processes are lost.
@Suite("Presence under loss")
struct PresenceLossTests {
    private func stream() throws -> [Envelope] {
        try (1...40).map { number in
            number % 4 == 0
                ? try Operations.subscribe("ann@a.example", "bob@b.example", seconds: UInt32(number))
                : try Operations.notify("ann@a.example", "bob@b.example", sequence: UInt64(number))
        }
    }

    @Test(
        "IMX 4.5.2: whatever step a connection is cut at, all arrives in order, and nothing ends uncertain"
    )
    func everyStep() throws {
        var cut = 0
        var arrivals = 0
        repeat {
            cut += 1
            let internet = BareInternet(seed: UInt64(cut))
            internet.network.cuts = [cut]
            let a = try internet.start(1, ["a.example"], others: ["b.example": 2])
            let b = try internet.start(2, ["b.example"], others: ["a.example": 1])
            a.host.send(try stream())
            internet.scheduler.advance(by: .seconds(30))
            arrivals = internet.network.arrivals
            #expect(a.host.codes == Array(repeating: .delivered, count: 40), "cut \(cut)")
            // Some may have come twice: what came last is what was sent last, and nothing is missing.
            let presence = b.host.presence
            let last = presence.lastIndex(of: "n1").map { Array(presence[$0...]) } ?? presence
            #expect(Set(presence).count == 40 && last.last == "s40", "cut \(cut)")
            #expect(ordered(presence), "cut \(cut): \(presence)")
        } while cut < arrivals
        #expect(cut > 10)
    }

    /// Whether each step of `presence` is the successor of the one before, or goes back to an earlier one.
    private func ordered(_ presence: [String]) -> Bool {
        let numbers = presence.compactMap { Int($0.dropFirst()) }
        return zip(numbers, numbers.dropFirst()).allSatisfy { $1 <= $0 + 1 }
    }

    @Test("IMX 4.5.2, RFC2779 5.4.1: what a killed process left unanswered goes to the next one at the same place")
    func nextProcess() throws {
        let internet = BareInternet()
        let a = try internet.start(1, ["a.example"], others: ["b.example": 2])
        let old = try internet.start(2, ["b.example"], others: ["a.example": 1])
        old.host.answer = { _ in nil }
        a.host.send(try stream() + [try message("ann@a.example", "bob@b.example", id: "1")])
        internet.scheduler.advance(by: .seconds(2))
        #expect(old.host.submitted.count == 41 && a.host.codes.isEmpty)
        internet.kill(old)
        let new = try internet.start(2, ["b.example"], others: ["a.example": 1])
        internet.scheduler.advance(by: .seconds(30))
        #expect(new.host.presence == old.host.presence)
        #expect(a.host.codes.filter { $0 == .delivered }.count == 40)
        #expect(a.host.codes.filter { $0 == .uncertain }.count == 1, "the message alone")
        #expect(new.host.submitted.count == 40, "a message is not said again to another process")
    }

    @Test("RFC2779 5.4.1: what nobody waits for any more is not said again")
    func tooLate() throws {
        let internet = BareInternet()
        let a = try internet.start(1, ["a.example"], others: ["b.example": 2])
        let old = try internet.start(2, ["b.example"], others: ["a.example": 1])
        old.host.answer = { _ in nil }
        var envelope = try Operations.notify("ann@a.example", "bob@b.example", sequence: 1)
        envelope.deadline = internet.scheduler.now + .seconds(5)
        a.host.send([envelope])
        internet.scheduler.advance(by: .seconds(6))
        #expect(old.host.submitted.count == 1)
        internet.kill(old)
        let new = try internet.start(2, ["b.example"], others: ["a.example": 1])
        internet.scheduler.advance(by: .seconds(30))
        #expect(new.host.submitted.isEmpty && a.host.codes == [.uncertain])
    }

    @Test("bounds: a token finds its connection when more than 2^29 have been made, and its kind")
    func tokens() {
        for number in [1, 5, 1 << 29, 1 << 29 + 1, 1 << 31, 1 << 40 + 7] as [UInt64] {
            for kind in RequestToken.Kind.allCases {
                let token = RequestToken(ConnectionHandle(rawValue: number), tag: .max - 1, kind)
                let read = RequestToken(rawValue: token.rawValue)
                #expect(read.kind == kind && read.tag == .max - 1)
                for later in [0, 1, 1000, 1 << 29 - 1] as [UInt64] {
                    #expect(read.connection(latest: number + later).rawValue == number)
                }
            }
        }
    }
}
