// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import EnvelopeModel
import NIOCore
import Presence
import Testing

/// States that are larger than the way to their watchers takes.
@Suite("States that are too large")
struct TooLargeTests {
    /// Where the smaller of the two limits stands: at the presentity's own aggregator, or at the watcher's.
    enum Narrow: CaseIterable {
        case here, there
    }

    private static let narrow = DomainClass(maximumMessageOctets: 1_024)

    private func text(_ count: Int) -> Body { .entity(ByteBuffer(repeating: 0x78, count: count)) }

    /// Two houses of which one takes a kilobyte, romeo watching juliet, and the notifications of a time.
    private final class Rig {
        let internet = Internet(seed: 9)
        let a: House
        let b: House
        let romeo: Address
        let juliet: Address

        init(_ place: Narrow) throws {
            a = House(try internet.start(1, ["a.example"], domainClass: place == .there ? narrow : DomainClass()))
            b = House(try internet.start(2, ["b.example"], domainClass: place == .here ? narrow : DomainClass()))
            romeo = try #require(Address("romeo@a.example"))
            juliet = try #require(Address("juliet@b.example"))
            b.set(juliet, "online")
            a.host.users.host.presence([.asks(watcher: romeo, presentity: juliet, name: nil)])
            internet.scheduler.advance(by: .seconds(2))
        }

        var view: Body? { a.views[romeo]?[juliet] }

        /// How many notifications were sent while so much time passed.
        func notifications(in time: Interval) -> UInt64 {
            let before = b.host.core.desk?.counters.notifications ?? 0
            internet.scheduler.advance(by: time)
            return (b.host.core.desk?.counters.notifications ?? 0) - before
        }
    }

    @Test(
        "RFC2779 3.2.3: as much is told as gets through, at once, and not again and again",
        arguments: Narrow.allCases
    )
    func less(place: Narrow) throws {
        let rig = try Rig(place)
        #expect(rig.view == .entity(ByteBuffer(string: "online")))
        rig.b.host.core.desk?.smaller = { body in
            guard case .entity(let octets) = body, octets.readableBytes > 1 else { return nil }
            return .entity(ByteBuffer(repeating: 0x78, count: octets.readableBytes / 2))
        }
        rig.b.set(rig.juliet, text(3_000))
        #expect(rig.notifications(in: .seconds(2)) <= 3, "3,000, 1,500 and 750 octets")
        #expect(rig.view == text(750))
        #expect(rig.notifications(in: .seconds(900)) == 0)
        // The renewal brings what gets through, and asks for no more.
        #expect(rig.notifications(in: .seconds(600)) == 1)
        #expect(rig.view == text(750))
        rig.b.set(rig.juliet, text(1_000))
        rig.internet.scheduler.advance(by: .seconds(2))
        #expect(rig.view == text(1_000), "another state is tried whole")
        #expect(rig.b.host.core.desk?.counters.cut == 2)
    }

    @Test("RFC2779 3.2.3: where nothing gets through nobody is shown what is no longer so", arguments: Narrow.allCases)
    func nothing(place: Narrow) throws {
        let rig = try Rig(place)
        rig.b.set(rig.juliet, text(3_000))
        #expect(rig.notifications(in: .seconds(900)) <= 2)
        #expect(rig.view == nil)
        rig.b.set(rig.juliet, "here again")
        rig.internet.scheduler.advance(by: .seconds(2))
        #expect(rig.view == .entity(ByteBuffer(string: "here again")))
    }
}
