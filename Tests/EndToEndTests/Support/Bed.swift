// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Two domains on real servers, a.example on Prosody and b.example on ejabberd, each behind an aggregator of its own,
/// which speak IMX to one another.
struct Bed {
    let scratch: Scratch
    let prosody: Prosody
    let ejabberd: Ejabberd
    /// Hosts a.example.
    let north: AggregatorProcess
    /// Hosts b.example.
    let south: AggregatorProcess

    /// What has to be installed for this.
    static var isPossible: Bool {
        Place.has("prosody") && Place.has("erl") && FileManager.default.isExecutableFile(atPath: Place.python)
    }

    /// - Parameter edit: changes the plan of each aggregator; the names tell which.
    init(_ name: String, deadline: Int = 10, edit: (inout AggregatorPlan) -> Void = { _ in }) async throws {
        scratch = try Scratch(name)
        // c.example is a foreign domain that nobody serves; d.example and e.example may live in memory, at the other side.
        prosody = try Prosody(
            domain: "a.example",
            accounts: ["alice", "amy"],
            foreign: ["b.example", "c.example", "d.example"],
            in: scratch
        )
        ejabberd = try Ejabberd(
            domain: "b.example",
            accounts: ["bob", "ben"],
            foreign: ["a.example", "c.example", "e.example"],
            in: scratch
        )
        let ports = (north: try Ports.free(), south: try Ports.free())
        var plan = AggregatorPlan(name: "north", listen: ports.north)
        plan.peers = ["b.example": ports.south, "d.example": ports.south]
        plan.deadline = deadline
        plan.host(prosody)
        edit(&plan)
        north = try AggregatorProcess(plan, in: scratch)
        plan = AggregatorPlan(name: "south", listen: ports.south)
        plan.peers = ["a.example": ports.north, "e.example": ports.north]
        plan.deadline = deadline
        plan.host(ejabberd)
        edit(&plan)
        south = try AggregatorProcess(plan, in: scratch)

        try await prosody.start()
        try await ejabberd.start()
        try await north.start()
        try await south.start()
    }

    /// Ends everything at once.
    func stop() {
        north.crash()
        south.crash()
        prosody.stop()
        ejabberd.stop()
    }
}
