// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import EnvelopeModel
import NIOCore
import Testing

@Suite("The pipeline")
struct PipelineTests {
    @Test("IMX 2.6, IMX A.1-4: traffic between two domains hosted here takes the pipeline and no socket")
    func local() throws {
        let world = try World()
        world.a.send(try message("ann@a.example", "bob@b.example", id: "1"), token: 7)
        #expect(world.b.deliveries.map(\.envelope.messageID.description) == ["1"])
        #expect(world.network.deliveries.isEmpty)
        #expect(world.a.settlements.map(\.token) == [7])
        #expect(world.a.settlements.first?.outcome.code == .delivered)
        #expect(world.a.settlements.first?.envelope == nil)
        #expect(world.core.ledger.delivered == 1 && world.balances)
    }

    @Test("bounds: a message from the network that waits does not keep the buffer that it was read into")
    func detaches() throws {
        let world = try World()
        world.b.habit = .hold(.tooLate)
        var envelope = try message("eve@far.example", "bob@b.example", id: "1")
        let big = ByteBuffer(repeating: 0x78, count: 65_536)
        envelope.body = .entity(try #require(big.getSlice(at: 0, length: 10)))
        world.network.send(envelope)
        world.b.habit = .settle(Outcome(.unavailable))
        world.b.settle(world.b.deliveries[0].ticket, Outcome(.unavailable))
        guard case .entity(let octets) = world.network.settlements[0].envelope?.body else {
            Issue.record("no envelope")
            return
        }
        #expect(octets.storageCapacity < 1024 && octets.readableBytes == 10)
    }

    @Test("IMX 4.3.1: what is for a foreign domain goes to the network")
    func foreign() throws {
        let world = try World()
        world.a.send(try message("ann@a.example", "eve@far.example", id: "1"))
        #expect(world.network.deliveries.count == 1)
    }

    @Test("IMX 4.3.3, IMX 6.4(2): nothing is relayed")
    func relay() throws {
        let world = try World()
        world.network.send(try message("eve@far.example", "joe@other.example", id: "1"))
        #expect(world.network.settlements.map(\.outcome.code) == [.notServedHere])
        #expect(world.a.deliveries.isEmpty && world.b.deliveries.isEmpty && world.network.deliveries.isEmpty)
        #expect(world.balances)
    }

    @Test("S53, S25, IMX 6.2.1: an adapter speaks for its own domains only")
    func confinement() throws {
        let world = try World()
        world.a.send(try message("bob@b.example", "ann@a.example", id: "1"))
        world.a.send(try message("eve@far.example", "bob@b.example", id: "2"))
        #expect(world.a.settlements.map(\.outcome.code) == [.notAuthenticated, .notAuthenticated])
        #expect(world.a.deliveries.isEmpty && world.b.deliveries.isEmpty)
        #expect(world.core.ledger.failed == 2 && world.balances)
    }

    @Test("S09, IMX 6.2.2: nobody outside speaks for a domain that lives here")
    func impersonation() throws {
        let world = try World()
        world.network.send(try message("ann@a.example", "bob@b.example", id: "1"))
        #expect(world.network.settlements.map(\.outcome.code) == [.notAuthenticated])
        #expect(world.b.deliveries.isEmpty)
    }

    @Test("RFC2779 2.5.2, RFC2779 5.4.2: a repeat gets the first outcome and no second delivery")
    func repeats() throws {
        let world = try World()
        world.a.send(try message("ann@a.example", "bob@b.example", id: "1"))
        world.a.send(try message("ann@a.example", "bob@b.example", id: "1"))
        #expect(world.b.deliveries.count == 1)
        #expect(world.a.settlements.map(\.outcome.code) == [.delivered, .delivered])
        #expect(world.core.status.repeats == 1 && world.balances)
    }

    @Test("RFC2779 5.4.2: a repeat of what was delivered is not called failed because a lane is full")
    func repeatsWhereNoRoomIs() throws {
        let world = try World(domainClass: DomainClass(laneLimits: LaneLimits(messages: 1, octets: 1 << 20)))
        world.a.send(try message("ann@a.example", "bob@b.example", id: "1"))
        world.b.habit = .hold(.tooLate)
        world.a.send(try message("ann@a.example", "bob@b.example", id: "2"))
        world.a.send(try message("ann@a.example", "bob@b.example", id: "3"))
        world.a.send(try message("ann@a.example", "bob@b.example", id: "1"))
        world.a.send(try message("ann@a.example", "bob@b.example", id: "2"))
        #expect(world.a.settlements.map(\.outcome.code) == [.delivered, .shortOfResources, .delivered, .uncertain])
        #expect(world.b.deliveries.count == 2 && world.balances)
    }

    @Test("RFC2779 5.4.2: the same identifier from or to someone else is another message")
    func identity() throws {
        let world = try World()
        world.a.send(try message("ann@a.example", "bob@b.example", id: "1"))
        world.a.send(try message("amy@a.example", "bob@b.example", id: "1"))
        world.a.send(try message("ann@a.example", "ben@b.example", id: "1"))
        #expect(world.b.deliveries.count == 3)
    }

    @Test("I.1.3: what failed for certain may be tried again")
    func retryAfterFailure() throws {
        let world = try World()
        world.b.habit = .settle(Outcome(.unavailable))
        world.a.send(try message("ann@a.example", "bob@b.example", id: "1"))
        world.b.habit = .settle(.delivered)
        world.a.send(try message("ann@a.example", "bob@b.example", id: "1"))
        #expect(world.a.settlements.map(\.outcome.code) == [.unavailable, .delivered])
    }

    @Test("I.1.3: hop limit and trail end loops")
    func loops() throws {
        let world = try World()
        world.network.send(try message("eve@far.example", "bob@b.example", id: "1", hops: 0))
        var details = Envelope.Details()
        details.trail = [World.serverID]
        world.network.send(try message("eve@far.example", "bob@b.example", id: "2", details: details))
        #expect(world.network.settlements.map(\.outcome.code) == [.loop, .loop])
    }

    @Test("Contract order: order per sender and recipient, whatever the batches")
    func order() throws {
        let world = try World()
        world.b.habit = .hold(.tooLate)
        let ids = (0..<1000).map(String.init)
        for id in ids { world.a.send(try message("ann@a.example", "bob@b.example", id: id)) }
        #expect(world.b.deliveries.count == RecordingAdapter.descriptor.window)
        var next = 0
        while next < world.b.deliveries.count {
            world.b.settle(world.b.deliveries[next].ticket, .delivered)
            next += 1
        }
        #expect(world.b.deliveries.map(\.envelope.messageID.description) == ids)
        #expect(world.core.ledger.delivered == 1000 && world.balances)
    }
}
