// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import EnvelopeModel
import IMXFront
import IMXWire
import NIOCore
import Testing
import TransportSecurity

/// Peers and pairs of domains that would burden others.
@Suite("Burdens")
struct BurdenTests {
    @Test("S41: a pair with a backlog leaves room for the other pairs of the connection")
    func fairness() throws {
        let internet = Internet()
        internet.network.latency = .milliseconds(50)
        let a = try internet.start(1, ["a1.example", "a2.example"])
        let b = try internet.start(2, ["b.example"]) { $0.connection.maxInflight = 2 }
        a.users.send(try message("u@a2.example", "bob@b.example", id: "first"))
        internet.scheduler.advance(by: .seconds(2))
        for id in 0..<500 { a.users.send(try message("u@a1.example", "bob@b.example", id: "\(id)")) }
        internet.scheduler.advance(by: .seconds(2))
        a.users.send(try message("u@a2.example", "bob@b.example", id: "other"))
        internet.scheduler.advance(by: .seconds(4))
        #expect(b.users.deliveries.contains { $0.envelope.messageID.description == "other" })
        #expect(b.users.deliveries.count < 400, "the backlog is still there")
    }

    @Test("IMX 6.3.1: a claim is verified though the way back is full of data")
    func verificationUnderLoad() throws {
        let internet = Internet()
        internet.network.latency = .milliseconds(50)
        let a = try internet.start(1, ["a.example"]) { $0.connection.maxInflight = 2 }
        let b = try internet.start(2, ["b.example"])
        for id in 0..<2000 { b.users.send(try message("bob@b.example", "ann@a.example", id: "\(id)")) }
        internet.scheduler.advance(by: .seconds(2))
        a.users.send(try message("ann@a.example", "bob@b.example", id: "1"))
        internet.scheduler.advance(by: .milliseconds(900))
        #expect(a.core.ledger.delivered > 0 && a.users.settlements.map(\.outcome.code) == [.delivered])
    }

    @Test("IMX 4.3: a peer that greets and hangs up is tried again after growing pauses")
    func hangUp() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        let transport = SimulatedTransport(network: internet.network, number: 2)
        let peer = HangsUp(transport)
        internet.network.listen(transport, on: internet.endpoint(2))
        internet.peers[try #require(Domain("b.example"))] = [internet.endpoint(2)]
        a.users.send(try message("ann@a.example", "bob@b.example", id: "1"))
        internet.scheduler.advance(by: .seconds(40))
        #expect(peer.greeted > 2 && peer.greeted < 20)
        #expect(a.core.ledger.expired == 1 && a.balances)
    }

    @Test("bounds: whoever does not read its answers is not read from")
    func unreadAnswers() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"])
        a.users.send(try message("ann@a.example", "bob@b.example", id: "1"))
        internet.scheduler.advance(by: .seconds(1))
        let dialled = try #require(b.transport.streams.first { $0.value == 1 }).key
        b.front.writabilityChanged(false, on: dialled)
        #expect(b.transport.unread == [dialled])
        b.front.writabilityChanged(true, on: dialled)
        #expect(b.transport.unread.isEmpty)
        let dialling = try #require(a.transport.streams.first { $0.value == 1 }).key
        a.front.writabilityChanged(false, on: dialling)
        #expect(a.transport.unread.isEmpty, "two ends that both stop reading would wait for each other for ever")
    }
}

/// A peer that greets every caller and closes.
private final class HangsUp: TransportDelegate {
    private let transport: SimulatedTransport
    private var machines: [ConnectionHandle: ConnectionMachine] = [:]
    private(set) var greeted = 0

    init(_ transport: SimulatedTransport) {
        self.transport = transport
        transport.delegate = self
    }

    func accepted(_ connection: ConnectionHandle, from address: String, security: ConnectionSecurity?) {
        var generator = SystemRandomNumberGenerator()
        let hello = HelloRecord(serverID: ServerID(high: 9, low: 9), nonce: ConnectionNonce(random: &generator))
        machines[connection] = ConnectionMachine(.acceptor, hello: hello, now: .start)
        write(connection)
    }

    func received(_ octets: inout ByteBuffer, on connection: ConnectionHandle) {
        machines[connection]?.receive(&octets, now: .start)
        while let event = machines[connection]?.next(now: .start) {
            guard case .dialled = event else { continue }
            machines[connection]?.accept(now: .start)
            greeted += 1
            write(connection)
            transport.close(connection)
        }
    }

    private func write(_ connection: ConnectionHandle) {
        if let octets = machines[connection]?.takeOutbound() { transport.write(octets, on: connection) }
    }

    func connected(_ connection: ConnectionHandle, security: ConnectionSecurity?) {}
    func readBurstEnded(on connection: ConnectionHandle) {}
    func writabilityChanged(_ isWritable: Bool, on connection: ConnectionHandle) {}
    func closed(_ connection: ConnectionHandle, reason: String) { machines[connection] = nil }
}
