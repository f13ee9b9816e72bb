// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import EnvelopeModel
import IMXWire
import Testing
import TransportSecurity

@testable import IMXFront

/// Connections to ports that speak TLS, from the first packet to the end of their handshakes.
extension GaugeTests {
    @Test("S36, S28: connections are counted before their handshakes, and a failed one makes room again")
    func beforeHandshakes() throws {
        let it = try Doorstep()
        let first = (0..<70).map { _ in it.ring() }
        #expect(first.map(\.isLetIn) == (0..<70).map { $0 < 64 })
        #expect(it.count("connection-too-many-from-address") == 6)
        #expect(it.front.status.incoming == 64 && it.front.status.outgoing == 0)
        // One that has shaken hands is not counted twice.
        it.front.accepted(first[0].handle, from: "203.0.113.1", security: ConnectionSecurity(version: "TLSv1.3"))
        #expect(it.front.status.incoming == 64 && it.front.status.unauthenticated == 64)
        #expect(it.front.connections.count == 1)
        for (handle, _) in first[1..<64] {
            it.front.refused(handle, from: "203.0.113.1", for: TLSFailure("no imx/1", .noProtocol))
        }
        #expect(it.count("tls-no-imx-by-alpn") == 63)
        #expect(it.front.status.incoming == 1 && it.front.shaking.isEmpty)
        #expect(it.ring().isLetIn)
        // What was never let in gives nothing back.
        it.front.refused(first[69].handle, from: "203.0.113.1", for: TLSFailure("crowded", .crowded))
        #expect(it.front.status.incoming == 2)
    }

    @Test("S36: the time that a handshake took is not given once more before authentication")
    func handshakeTime() throws {
        let it = try Doorstep()
        let handle = it.ring().handle
        it.scheduler.advance(by: .seconds(6))
        it.front.accepted(handle, from: "203.0.113.1", security: ConnectionSecurity(version: "TLSv1.3"))
        it.scheduler.advance(by: .milliseconds(3500))
        #expect(it.closed.isEmpty)
        it.scheduler.advance(by: .milliseconds(1500))
        #expect(it.closed == [handle] && it.count("closed-4002") == 1)
    }

    @Test("S36: whoever has shaken hands with a node that goes out of service is told so, and counted out")
    func drained() throws {
        let it = try Doorstep()
        let (handle, isLetIn) = it.ring()
        it.front.drain(to: nil)
        #expect(isLetIn && !it.ring().isLetIn)
        it.front.accepted(handle, from: "203.0.113.1", security: ConnectionSecurity(version: "TLSv1.3"))
        #expect(it.front.status.incoming == 0 && it.codes(handle, after: 8) == [4001])
        #expect(it.count("connection-stopping") == 2)
    }

    @Test("S43, G.6: every kind of failed handshake has a count of its own, for either end", arguments: [true, false])
    func handshakeCounts(isDialled: Bool) throws {
        let it = try Doorstep()
        for kind in TLSFailure.Kind.allCases {
            let failure = TLSFailure("words", kind)
            if isDialled {
                it.front.refused(ConnectionHandle(rawValue: 999), for: failure)
            } else {
                it.front.refused(ConnectionHandle(rawValue: 999), from: "203.0.113.1", for: failure)
            }
            #expect(it.count((isDialled ? "dialled-tls-" : "tls-") + kind.rawValue) == 1)
        }
        #expect(it.front.status.refusals.count == TLSFailure.Kind.allCases.count)
    }
}
