// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// Two processes that serve the same domain behind one address.
    @Suite("Several nodes", .serialized, .timeLimit(.minutes(10)))
    struct ClusterTests {}
}

extension EndToEnd.ClusterTests {
    private struct Cluster {
        let scratch: Scratch
        let outer: AggregatorProcess
        let nodes: [AggregatorProcess]

        /// b.example on two nodes that listen on one port, and a.example on an aggregator of its own.
        init(_ name: String, keys: [String]) async throws {
            scratch = try Scratch(name)
            let ports = (outer: try Ports.free(), shared: try Ports.free())
            var plan = AggregatorPlan(name: "outer", listen: ports.outer, peers: ["b.example": ports.shared])
            plan.adapters["memory"] = "{ kind: stub, users: { ann: {} } }"
            plan.domains["a.example"] = "memory"
            outer = try AggregatorProcess(plan, in: scratch)
            let sockets = try scratch.directory("nodes").path
            var nodes: [AggregatorProcess] = []
            for (number, key) in keys.enumerated() {
                let file = try scratch.write(key, to: "node-\(number).key")
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
                var plan = AggregatorPlan(
                    name: "node\(number)",
                    listen: ports.shared,
                    peers: ["a.example": ports.outer]
                )
                plan.adapters["memory"] = "{ kind: stub, users: { bob: {} } }"
                plan.domains["b.example"] = "memory"
                plan.more = "node: { number: \(number), socket-directory: \(sockets), key: { file: \(file) } }"
                nodes.append(try AggregatorProcess(plan, in: scratch))
            }
            self.nodes = nodes
            try await outer.start()
            for node in nodes { try await node.start() }
        }

        /// What came of a message that each node was given, one after the other.
        func send() async throws -> [ProcessEnd] {
            var ends: [ProcessEnd] = []
            for node in nodes { ends.append(try await node.run(["send", "bob@b.example", "ann@a.example", "hi"]).end) }
            return ends
        }

        func stop() {
            outer.crash()
            for node in nodes { node.crash() }
        }
    }

    @Test("dialback 3.2: a question about a claim reaches the node that made it, whichever node it is put to")
    func verified() async throws {
        let key = String(repeating: "0123456789abcdef", count: 4)
        let cluster = try await Cluster("cluster", keys: [key, key])
        defer { cluster.stop() }
        #expect(try await cluster.send() == [.exited(0), .exited(0)])
        // The other side asks about both on one connection, which ends at one of the nodes.
        let asked = try cluster.nodes.map { try $0.log(holding: "another node is asked").count }
        #expect(asked.sorted() == [0, 1], "\(asked)")
        for secret in [key, String(key.prefix(32))] {
            for process in cluster.nodes + [cluster.outer] { #expect(try process.log(holding: secret).isEmpty) }
        }
    }

    @Test("dialback 3.2: nodes that do not share a key do not speak for one another")
    func strangers() async throws {
        let cluster = try await Cluster(
            "strangers",
            keys: [String(repeating: "a", count: 32), String(repeating: "b", count: 32)]
        )
        defer { cluster.stop() }
        let ends = try await cluster.send()
        #expect(ends.filter { $0 == .exited(0) }.count == 1, "\(ends)")
    }
}
