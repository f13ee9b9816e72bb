// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import NIOCore
import Testing

@testable import XMPPAdapter

@Suite("Foreign people and the case of their names")
struct SenderNamesTests {
    @Test("IMX 2.3: addresses that differ in case only are never mixed up")
    func caseVariants() {
        var bench = Bench()
        bench.bringUp()
        let tickets = bench.deliver([
            Bench.message(id: "m1", from: "Bob@b.example"), Bench.message(id: "m2", from: "bob@b.example"),
            Bench.message(id: "m3", from: "Bob@b.example"), Bench.message(id: "m4", from: "BOB@c.example"),
        ])
        #expect(bench.host.settlements[tickets[1]]?.code == .addressInvalid)
        bench.confirm()
        #expect(bench.host.order.count == 4)
        bench.server.send("<message from='alice@a.example' to='bob@b.example' id='1'><body>hello</body></message>")
        #expect(bench.host.submissions.last?.envelope.destination == address("Bob@b.example"))
        bench.server.send("<message from='alice@a.example' to='carol@b.example' id='1'><body>hello</body></message>")
        #expect(bench.host.submissions.last?.envelope.destination == address("carol@b.example"))
    }

    @Test("IMX 2.3, H.3: the first spelling keeps the address")
    func first() {
        var names = SenderNames()
        let admitted = ["bob@b.example", "Bob@b.example", "bob@b.example", "Ü@b.example", "ü@b.example"].map {
            names.admit(address($0))
        }
        #expect(admitted == [true, false, true, true, false])
        #expect(names.original(of: address("bob@b.example")) == address("bob@b.example"))
        #expect(names.original(of: address("ü@b.example")) == address("Ü@b.example"))
    }

    @Test("S42: what is known of senders is bounded")
    func bounded() {
        var names = SenderNames()
        let admitted = (0..<70_000).filter { names.admit(address("B\($0)@b.example")) }
        #expect(admitted.count == 70_000)
        #expect(names.original(of: address("b1@b.example")) == address("b1@b.example"))
        #expect(names.original(of: address("b69999@b.example")) == address("B69999@b.example"))
    }
}
