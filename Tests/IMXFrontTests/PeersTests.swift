// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel
import IMXWire
import MessageFormats
import NIOCore
import Testing

@testable import IMXFront

/// Several peers, and a peer that comes back.
@Suite("Peers, many and again")
struct PeersTests {
    @Test("IMX A.1-3: the peers of a domain on three hosts spread over them")
    func spread() throws {
        let internet = Internet()
        func roomy(_ settings: inout FrontSettings) {
            // All of them live in a few networks here.
            settings.admission.perNetwork = 4096
            settings.admission.newPerNetwork = 65_536
            settings.dialback.pendingPerBlock = 4096
            settings.dialback.dialBurstPerBlock = 4096
            settings.dialback.dialBurst = 8192
        }
        let hosts = try (2...4).map { try internet.start($0, ["b.example"], configure: roomy) }
        try internet.publish("b.example", at: [2, 3, 4], ttl: .seconds(600))
        for number in 0..<60 {
            let peer = try internet.start(10 + number, ["a\(number).example"], configure: roomy)
            peer.users.send(try message("ann@a\(number).example", "bob@b.example", id: "\(number)"))
        }
        internet.scheduler.advance(by: .seconds(20))
        let taken = hosts.map(\.received.count)
        #expect(taken.reduce(0, +) == 60 && taken.allSatisfy { $0 >= 8 }, "\(taken)")
    }

    @Test("IMX A.2.3-1: a peer that was killed is written to within seconds of its start, with all that waited")
    func resumes() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        let first = try internet.start(2, ["b.example"])
        a.users.send(try message("ann@a.example", "bob@b.example", id: "before"))
        internet.scheduler.advance(by: .seconds(2))
        #expect(first.received == ["before"])
        internet.kill(first)
        // What was written to the dead peer may have arrived there; what comes later waits.
        internet.scheduler.advance(by: .seconds(1))
        for id in 0..<20 { a.users.send(try message("ann@a.example", "bob@b.example", id: "\(id)")) }
        internet.scheduler.advance(by: .seconds(3))
        let second = try internet.start(2, ["b.example"])
        internet.scheduler.advance(by: .seconds(4))
        #expect(second.received == (0..<20).map(String.init) && a.balances)
    }

    @Test("RFC2779 2.1.2: presence of one address can name another one to write to, and arrives so")
    func otherInbox() throws {
        let internet = Internet(seed: 3)
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"])
        let romeo = try #require(Address("romeo@a.example"))
        let juliet = try #require(Address("juliet@b.example"))
        var tuple = PresenceTuple(id: "t1", basic: .open)
        tuple.contact = "im:j.capulet@c.example"
        var document = PresenceDocument(about: juliet)
        document.tuples = [tuple]
        let state = Body.parts([
            BodyPart(mediaType: PresenceDocument.mediaType, octets: PIDFWriter.octets(of: document))
        ])
        b.users.onOrder = { order in
            guard case .ask(let presentity, let watcher, _) = order else { return [] }
            return [
                .approves(presentity: presentity, watcher: watcher),
                .publishes(presentity: presentity, watcher: watcher, state: state),
            ]
        }
        a.users.host.presence([.asks(watcher: romeo, presentity: juliet, name: nil)])
        internet.scheduler.advance(by: .seconds(10))
        guard case .show(romeo, juliet, let shown)? = a.users.orders.last else {
            Issue.record("nothing shown: \(a.users.orders)")
            return
        }
        let seen = try PIDFReader(mode: .strict).read(shown).get().document
        #expect(seen.isAbout(juliet) && seen.tuples.map(\.contact) == ["im:j.capulet@c.example"])
    }
}
