// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import EnvelopeModel
import Testing

@Suite("Bounds, deadlines and the end")
struct BoundsTests {
    @Test("S41, Contract lanes: a full lane answers 'try later' and blocks no other")
    func fullLane() throws {
        let world = try World(domainClass: DomainClass(laneLimits: LaneLimits(messages: 3, octets: 1 << 20)))
        world.b.habit = .hold(.tooLate)
        for id in 0..<5 { world.a.send(try message("ann@a.example", "bob@b.example", id: "\(id)")) }
        #expect(world.a.settlements.map(\.outcome.code) == [.shortOfResources, .shortOfResources])
        #expect(world.a.settlements.first?.outcome.details?.retryAfter == 1)
        world.network.send(try message("eve@far.example", "bob@b.example", id: "x"))
        #expect(world.b.deliveries.count == 4)
        #expect(world.balances)
    }

    @Test("Contract lanes: all lanes together hold a bounded number of octets")
    func fullHouse() throws {
        let world = try World(maximumWaitingOctets: 100)
        world.b.habit = .hold(.tooLate)
        for id in 0..<6 {
            world.a.send(try message("ann@a.example", "u\(id)@b.example", id: "\(id)", text: "twenty octets of text"))
        }
        #expect(world.b.deliveries.count == 3)
        #expect(world.a.settlements.map(\.outcome.code) == [.shortOfResources, .shortOfResources, .shortOfResources])
        for delivery in world.b.deliveries { world.b.settle(delivery.ticket, .delivered) }
        world.a.send(try message("ann@a.example", "bob@b.example", id: "late"))
        #expect(world.b.deliveries.count == 4 && world.balances)
    }

    @Test("IMX 3: more octets than the class allows are refused")
    func tooLarge() throws {
        let world = try World(domainClass: DomainClass(maximumMessageOctets: 10))
        world.a.send(try message("ann@a.example", "bob@b.example", id: "1", text: "eleven oct."))
        #expect(world.a.settlements.map(\.outcome.code) == [.tooLarge])
    }

    @Test("RFC2779 4.2.1: a deadline ends what was not handed on as expired, and what was as uncertain")
    func deadlines() throws {
        let world = try World(domainClass: DomainClass(deadline: .seconds(30)))
        world.b.habit = .hold(.withdrawn)
        world.a.send(try message("ann@a.example", "bob@b.example", id: "1"))
        world.scheduler.advance(by: .seconds(29))
        #expect(world.a.settlements.isEmpty)
        world.scheduler.advance(by: .seconds(2))
        #expect(world.a.settlements.map(\.outcome.code) == [.timedOut])
        world.b.habit = .hold(.tooLate)
        world.a.send(try message("ann@a.example", "bob@b.example", id: "2"))
        world.scheduler.advance(by: .seconds(31))
        #expect(world.a.settlements.last?.outcome.code == .uncertain)
        #expect(world.core.ledger.expired == 1 && world.core.ledger.uncertain == 1 && world.balances)
        #expect(world.scheduler.pending == 0)
    }

    @Test(
        "RFC2779 4.2.1: an envelope's own deadline counts where it is the shorter one, beyond the wheel's horizon too"
    )
    func ownDeadline() throws {
        let world = try World(domainClass: DomainClass(deadline: .seconds(200)))
        world.b.habit = .hold(.withdrawn)
        let soon = world.scheduler.now + .seconds(1)
        world.a.send(try message("ann@a.example", "bob@b.example", id: "1", deadline: soon))
        world.a.send(try message("ann@a.example", "bob@b.example", id: "2"))
        world.scheduler.advance(by: .seconds(2))
        #expect(world.a.settlements.count == 1)
        world.scheduler.advance(by: .seconds(190))
        #expect(world.a.settlements.count == 1)
        world.scheduler.advance(by: .seconds(10))
        #expect(world.a.settlements.count == 2 && world.balances)
    }

    @Test("Contract outcome: a late settlement is ignored and counted")
    func lateSettlement() throws {
        let world = try World()
        world.b.habit = .hold(.tooLate)
        world.a.send(try message("ann@a.example", "bob@b.example", id: "1"))
        world.scheduler.advance(by: .seconds(31))
        world.b.settle(world.b.deliveries[0].ticket, .delivered)
        #expect(world.a.settlements.map(\.outcome.code) == [.uncertain])
        #expect(world.core.status.drops[.lateSettlement] == 1 && world.balances)
    }

    @Test("Contract lanes, Contract outcome: what expires in its lane is never delivered and frees its place")
    func expiresInLane() throws {
        let world = try World()
        world.b.habit = .hold(.tooLate)
        for id in 0..<300 { world.a.send(try message("ann@a.example", "bob@b.example", id: "\(id)")) }
        world.scheduler.advance(by: .seconds(31))
        #expect(world.core.ledger.uncertain == 256 && world.core.ledger.expired == 44)
        world.b.habit = .settle(.delivered)
        world.a.send(try message("ann@a.example", "bob@b.example", id: "new"))
        #expect(world.b.deliveries.last?.envelope.messageID.description == "new")
        #expect(world.b.deliveries.count == 257 && world.balances)
    }

    @Test("back-pressure: an adapter with too much unsettled is paused and resumed")
    func pause() throws {
        let world = try World(submissionWindow: 10)
        world.b.habit = .hold(.tooLate)
        for id in 0..<10 { world.a.send(try message("ann@a.example", "bob@b.example", id: "\(id)")) }
        #expect(world.a.isPaused)
        for delivery in world.b.deliveries.prefix(5) { world.b.settle(delivery.ticket, .delivered) }
        #expect(!world.a.isPaused)
    }

    @Test("IMX 2.4: a domain is live the moment its row is there, and gone with it")
    func liveDirectory() throws {
        let world = try World()
        let late = try domain("late.example")
        world.a.send(try message("ann@a.example", "bob@late.example", id: "1"))
        #expect(world.network.deliveries.count == 1)
        world.core.serve(late, .init(domainClass: DomainClass(), adapter: "b"))
        world.a.send(try message("ann@a.example", "bob@late.example", id: "2"))
        #expect(world.b.deliveries.count == 1)
        world.core.serve(late, nil)
        world.b.send(try message("bob@late.example", "ann@a.example", id: "3"))
        #expect(world.b.settlements.last?.outcome.code == .notAuthenticated)
    }

    @Test("IMX 2.4: another directory changes the lanes that it concerns, and no other")
    func replacedDirectory() throws {
        let world = try World()
        world.b.habit = .hold(.tooLate)
        world.a.send(try message("ann@a.example", "bob@b.example", id: "1"))
        world.a.send(try message("ann@a.example", "bob@far.example", id: "1"))
        let narrow = DomainClass(laneLimits: LaneLimits(messages: 1, octets: 1 << 20))
        var directory = DomainDirectory()
        directory[try domain("a.example")] = .init(domainClass: DomainClass(), adapter: "a")
        directory[try domain("b.example")] = .init(domainClass: narrow, adapter: "b")
        #expect(world.core.replaceDirectory(with: directory) == [try domain("b.example")])
        #expect(world.core.replaceDirectory(with: directory).isEmpty)
        // The lane to b.example is the same one with the new limit: its one place is taken.
        world.a.send(try message("ann@a.example", "bob@b.example", id: "2"))
        #expect(world.a.settlements.last?.outcome.code == .shortOfResources)
        #expect(world.core.status.lanes.map(\.ledger.accepted).sorted() == [1, 1])

        // A domain that moves to another adapter: what was handed over ends where it is, what is new goes there.
        directory[try domain("b.example")] = .init(domainClass: narrow, adapter: "a")
        #expect(world.core.replaceDirectory(with: directory) == [try domain("b.example")])
        world.a.send(try message("ann@a.example", "bob@b.example", id: "3"))
        #expect(world.a.deliveries.count == 1 && world.b.deliveries.count == 1)
        world.b.settle(world.b.deliveries[0].ticket, .delivered)
        #expect(world.a.settlements.map(\.outcome.code).contains(.delivered) && world.balances)
    }

    @Test("S42, Contract lanes: the lane table is bounded and gives up idle lanes first")
    func lanesAreBounded() throws {
        let world = try World(maximumLanes: 4)
        for number in 0..<100 {
            world.a.send(try message("ann@a.example", "x@d\(number).example", id: "1"))
        }
        #expect(world.network.deliveries.count == 100 && world.core.status.lanes.count <= 4)
        world.network.habit = .hold(.tooLate)
        for number in 100..<110 {
            world.a.send(try message("ann@a.example", "x@d\(number).example", id: "1"))
        }
        #expect(world.network.deliveries.count == 104)
        #expect(world.a.settlements.last?.outcome.code == .shortOfResources && world.balances)
    }

    @Test("Contract outcome, Contract stop: a drain ends everything by its deadline and refuses what is new")
    func drain() throws {
        let world = try World()
        world.b.habit = .hold(.tooLate)
        world.a.send(try message("ann@a.example", "bob@b.example", id: "1"))
        var isDrained = false
        world.core.drain(by: world.scheduler.now + .seconds(5)) { isDrained = true }
        world.a.send(try message("ann@a.example", "bob@b.example", id: "2"))
        #expect(world.a.settlements.map(\.outcome.code) == [.unavailable] && !isDrained)
        world.scheduler.advance(by: .seconds(6))
        #expect(world.a.settlements.map(\.outcome.code) == [.unavailable, .uncertain])
        #expect(isDrained && world.balances)
    }
}
