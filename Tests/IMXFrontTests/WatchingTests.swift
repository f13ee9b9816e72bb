// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel
import IMXFront
import NIOCore
import Testing

/// Presence between whole aggregators, on a simulated network.
@Suite("Watching across aggregators")
struct WatchingTests {
    private func address(_ text: String) throws -> Address { try #require(Address(text)) }

    @Test(
        "IMX 2.5a, RFC2779 2.2.1, RFC2779 2.4.1, RFC2779 2.4.2, RFC2779 5.1.12: strangers subscribe, are granted, notified and told the end"
    )
    func conversation() throws {
        let internet = Internet(seed: 3)
        let a = House(try internet.start(1, ["a.example"]))
        let b = House(try internet.start(2, ["b.example"]))
        let (romeo, juliet) = (try address("romeo@a.example"), try address("juliet@b.example"))
        b.set(juliet, "online")
        a.host.users.host.presence([.asks(watcher: romeo, presentity: juliet, name: DisplayName("Romeo"))])
        internet.scheduler.advance(by: .seconds(2))
        #expect(b.host.users.orders.first == .ask(presentity: juliet, watcher: romeo, name: DisplayName("Romeo")))
        #expect(a.host.users.orders.contains(.approved(watcher: romeo, presentity: juliet)))
        #expect(a.views[romeo]?[juliet] == .entity(ByteBuffer(string: "online")))
        b.host.users.host.presence([.refuses(presentity: juliet, watcher: romeo)])
        internet.scheduler.advance(by: .seconds(2))
        guard case .ended(romeo, juliet, let outcome)? = a.host.users.orders.last else {
            Issue.record("no end")
            return
        }
        #expect(outcome.code == .refused)
        #expect(a.host.balances && b.host.balances)
    }

    @Test("IMX 4.5.2: a notification travels on a connection that is made for it when there is none")
    func onAnyConnection() throws {
        let internet = Internet(seed: 4)
        let a = House(try internet.start(1, ["a.example"]))
        let b = House(try internet.start(2, ["b.example"]))
        let (romeo, juliet) = (try address("romeo@a.example"), try address("juliet@b.example"))
        a.host.users.host.presence([.asks(watcher: romeo, presentity: juliet, name: nil)])
        internet.scheduler.advance(by: .seconds(2))
        internet.network.cutAll()
        internet.scheduler.advance(by: .seconds(1))
        b.set(juliet, "after the cut")
        internet.scheduler.advance(by: .seconds(5))
        #expect(a.views[romeo]?[juliet] == .entity(ByteBuffer(string: "after the cut")))
    }

    @Test("IMX 2.5a, A.1-2: a killed aggregator on either side, and what its users see is right again")
    func kills() throws {
        let internet = Internet(seed: 5)
        let a = House(try internet.start(1, ["a.example"]))
        var b = House(try internet.start(2, ["b.example"]))
        let (romeo, juliet) = (try address("romeo@a.example"), try address("juliet@b.example"))
        b.set(juliet, "before")
        a.host.users.host.presence([.asks(watcher: romeo, presentity: juliet, name: nil)])
        internet.scheduler.advance(by: .seconds(2))
        let approvals = b.approvals
        internet.kill(b.host)
        // Another process that knows nothing at all: the watcher's renewal is its first word.
        b = House(try internet.start(2, ["b.example"]))
        b.approvals = approvals
        b.states[juliet] = .entity(ByteBuffer(string: "meanwhile"))
        internet.scheduler.advance(by: .seconds(1_810))
        #expect(a.views[romeo]?[juliet] == .entity(ByteBuffer(string: "meanwhile")))
    }
}
