// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// An aggregator that is attacked, and a good peer beside it: another aggregator whose user writes to a user here once
/// a second for as long as the attack lasts, and who must never miss more than one message.
///
/// Attackers come from addresses of their own, 127.66.0.0/16, the good peer from 127.0.0.1.
final class Battlefield {
    let scratch: Scratch
    /// Hosts b.example and b2.example, with bob who takes everything.
    let south: AggregatorProcess
    /// Hosts good.example, with alice.
    let north: AggregatorProcess
    /// What passes the two on to one another where that was asked for: to south, and to north.
    private(set) var proxies: (RecordingProxy, RecordingProxy)?
    private var goodPeer: GoodPeer?
    private var kept: [Scratch] = []

    /// - Parameters:
    ///   - peers: where the records of foreign domains lead to.
    ///   - deadline: how many seconds the good peer's messages may wait for their delivery.
    ///   - isRecorded: whether all that the two aggregators say to one another is kept.
    ///   - configure: changes what the attacked aggregator is told.
    init(
        _ name: String,
        peers: [String: UInt16] = [:],
        deadline: Int = 10,
        isRecorded: Bool = false,
        configure: (inout AggregatorPlan) throws -> Void = { _ in }
    ) async throws {
        scratch = try Scratch(name)
        let ports = (north: try Ports.free(), south: try Ports.free())
        if isRecorded { proxies = (try RecordingProxy(to: ports.south), try RecordingProxy(to: ports.north)) }
        var plan = AggregatorPlan(name: "south", listen: ports.south, peers: peers)
        plan.peers["good.example"] = proxies?.1.port ?? ports.north
        plan.hostInMemory(["b.example", "b2.example"], users: ["bob", "ben"])
        try configure(&plan)
        south = try AggregatorProcess(plan, in: scratch)
        let southPort = plan.listen
        plan = AggregatorPlan(name: "north", listen: ports.north, peers: peers)
        plan.deadline = deadline
        plan.peers["b.example"] = proxies?.0.port ?? southPort
        plan.hostInMemory(["good.example"], users: ["alice"])
        north = try AggregatorProcess(plan, in: scratch)
        try await south.start(within: .seconds(60))
        try await north.start(within: .seconds(60))
        goodPeer = GoodPeer(socket: north.controlSocket, from: "alice@good.example", to: "bob@b.example")
    }

    /// The attacked aggregator's port.
    var port: UInt16 { south.plan.listen }

    /// A stranger, greeted, from address `number` of the attackers'.
    func stranger(_ number: Int = 1, dialled: String = "b.example", patience: Double = 20) throws -> RawPeer {
        try RawPeer.greeted(port: port, dialled: dialled, from: Self.address(number), patience: patience)
    }

    /// Keeps a directory for as long as the field is there.
    func keep(_ scratch: Scratch) { kept.append(scratch) }

    /// Ends without asking what the good peer has missed, where the test has stopped the good peer itself.
    func abandon() { _ = goodPeer.take()?.stop() }

    /// Has a user of the attacked aggregator write to somebody; `hear` gets what the control socket says of it.
    func send(_ from: String, _ to: String, hear: @escaping @Sendable (String) -> Void = { _ in }) {
        let socket = south.controlSocket
        Thread {
            hear(GoodPeer.ask(socket, #"{"send":{"from":"\#(from)","to":"\#(to)","text":"x"}}"# + "\n", within: 60))
        }.start()
    }

    /// The attackers' addresses, 200 of each /24.
    static func address(_ number: Int) -> String { "127.66.\(number / 200 % 256).\(1 + number % 200)" }

    /// Ends the attack: both aggregators are alive, their books balance, and the good peer has missed nothing.
    func end(atLeast seconds: Int = 3, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        guard let goodPeer else { return }
        self.goodPeer = nil
        try await Task.sleep(for: .seconds(seconds))
        let record = goodPeer.stop()
        #expect(record.sent >= seconds, "the good peer hardly spoke", sourceLocation: sourceLocation)
        #expect(
            record.missed.count <= 1,
            "the good peer missed \(record.missed.count) of \(record.sent): \(record.missed.prefix(3))",
            sourceLocation: sourceLocation
        )
        let status = try await south.status()
        #expect(status.balances, sourceLocation: sourceLocation)
        #expect(try south.log(holding: "Fatal error").isEmpty, sourceLocation: sourceLocation)
    }
}
