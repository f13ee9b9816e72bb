// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import EnvelopeModel
import IMXWire
import Testing

@testable import IMXFront

/// One domain with more connections than it may have.
@Suite("Connections of one domain")
struct DomainCapTests {
    /// Three processes of a.example, each with a connection of its own to b.example, which takes two.
    private struct Crowd {
        let internet = Internet()
        let b: Internet.Host
        var processes: [Internet.Host] = []

        init() throws {
            b = try internet.start(9, ["b.example"]) { $0.admission.perDomain = 2 }
            for number in 1...3 {
                // The last one is what DNS says; the connections of the others stand.
                let process = try internet.start(number, number == 3 ? ["a.example", "c.example"] : ["a.example"])
                processes.append(process)
                try send(from: "a.example", process, "first-\(number)")
            }
        }

        func send(from domain: String, _ process: Internet.Host, _ id: String) throws {
            process.users.send(try message("ann@\(domain)", "bob@b.example", id: id))
            internet.scheduler.advance(by: .seconds(8))
        }

        var refused: UInt64 { b.front.refusals[.connection(reason: "too-many-from-domain")] ?? 0 }

        var trusted: Int { b.front.connections.values.filter { $0.role == .acceptor && !$0.trusted.isEmpty }.count }
    }

    @Test("IMX 4.3.2: the surplus connection of a proved domain is refused with the reason, the others are unhurt")
    func surplus() throws {
        let crowd = try Crowd()
        #expect(crowd.b.received == ["first-1", "first-2"])
        #expect(crowd.refused > 0 && crowd.trusted == 2)
        crowd.internet.scheduler.advance(by: .seconds(30))
        let told = crowd.processes[2].users.settlements.map(\.outcome)
        #expect(told.first?.text?.contains("too many connections of a.example") ?? false, "\(told)")
        for process in crowd.processes[0...1] {
            try crowd.send(from: "a.example", process, "again-\(process.core.settings.name)")
        }
        #expect(crowd.b.received.suffix(2) == ["again-host1", "again-host2"])
        // Where one of them goes, the next that comes has its place.
        crowd.internet.kill(crowd.processes[0])
        crowd.internet.scheduler.advance(by: .seconds(60))
        try crowd.send(from: "a.example", crowd.processes[2], "third")
        #expect(crowd.b.received.contains("third") && crowd.trusted == 2)
    }

    @Test("IMX 4.3.2: where one domain has too many connections, another on the same connection does not suffer")
    func neighbour() throws {
        let crowd = try Crowd()
        try crowd.send(from: "c.example", crowd.processes[2], "neighbour")
        #expect(crowd.b.received.contains("neighbour"))
        let refused = crowd.refused
        try crowd.send(from: "a.example", crowd.processes[2], "second")
        #expect(crowd.refused > refused && !crowd.b.received.contains("second"))
        try crowd.send(from: "c.example", crowd.processes[2], "and-again")
        #expect(crowd.b.received.last == "and-again")
    }
}
