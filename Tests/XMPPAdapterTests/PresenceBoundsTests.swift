// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import MessageFormats
import NIOCore
import Testing

@testable import XMPPAdapter

@Suite("What presence may cost")
struct PresenceBoundsTests {
    private func text(_ octets: Int) -> String { String(repeating: "~", count: octets) }

    @Test("F.3: a note on the whole is written once, at the tuple to write to first")
    func noteOnce() {
        let bench = PresenceBench()
        func rated(_ id: String, _ priority: String) -> PresenceTuple {
            tuple(id) { tuple in
                tuple.contact = "im:bob@b.example"
                tuple.contactPriority = priority
            }
        }
        let low = rated("ID-low", "0.1")
        let high = rated("ID-high", "0.9")
        let own = tuple("ID-own") { tuple in
            tuple.contact = "im:bob@b.example"
            tuple.contactPriority = "1"
            tuple.notes = [LocalizedText("own")]
        }
        let written = bench.show(document(low, high, own, tuple("ID-gone", .closed), notes: [LocalizedText("all")]))
        #expect(written.filter { $0.contains(">all<") }.count == 1)
        #expect(written.contains { $0.contains("/high'") && $0.contains(">all<") })
        // Where every tuple has its own, it is lost, and counted.
        #expect(bench.host.counts.isEmpty)
        #expect(!bench.show(document(own, notes: [LocalizedText("all")])).contains { $0.contains(">all<") })
        #expect(bench.host.counts == [.presence: 1])
    }

    @Test("F.3: a document within its limits becomes no more than a bounded number of octets for each watcher")
    func swelling() {
        let bench = PresenceBench()
        var large = document(notes: (0..<8).map { LocalizedText(text(4_000), language: "l\($0)") })
        large.tuples = (0..<64).map { number in
            tuple("ID-\(number)") { tuple in
                tuple.notes = number % 2 == 0 ? [] : [LocalizedText(text(1_000))]
                tuple.extensions = [ByteBuffer(string: "<x xmlns='urn:x'>\(text(100))</x>")]
            }
        }
        // Four octets of markup for each that the document has.
        let octets = String(buffer: PIDFWriter.octets(of: large)).replacing("~", with: ">")
        let body = Body.parts([BodyPart(mediaType: PresenceDocument.mediaType, octets: ByteBuffer(string: octets))])
        let written = bench.order(.show(watcher: alice, presentity: bob, state: body))
        #expect(written.count == 64)
        // Notes and extensions together, and around them what each stanza has.
        let count = written.reduce(0) { $0 + $1.utf8.count }
        #expect(count > 20_000 && count <= MappedPresence.contentOctets + 64 * 128)
        #expect((bench.host.counts[.presence] ?? 0) > 50)
    }

    @Test("F.3: of very many extensions only so many are read")
    func extensions() {
        let bench = PresenceBench()
        let many = tuple("ID-desk") { tuple in
            tuple.extensions = (0..<1_000).map { ByteBuffer(string: "<e\($0) xmlns='urn:x'/>") }
        }
        let written = bench.show(document(many)).joined()
        #expect(written.split(separator: "<e").count == MappedPresence.extensionLimit + 1)
        #expect(bench.host.counts == [.presence: 1_000 - MappedPresence.extensionLimit])
    }

    @Test("F.3: what one user tells many, each something else, is remembered up to a bound, and told beyond it")
    func directed() {
        let bench = PresenceBench()
        var events = 0
        for number in 0..<400 {
            let status = "<status>\(number) \(String(repeating: "x", count: 4_000))</status>"
            let more = "<x xmlns='urn:x'>\(String(repeating: "y", count: 8_000))</x>"
            events += bench.receive(stanza(to: "n\(number)@b.example", content: status + more)).count
        }
        let limits = PresentityTable.Limits()
        #expect(events == 400)
        let told = bench.bench.adapter.memory.told
        #expect(told.octets > 100_000 && told.octets <= limits.userOctets)
        #expect(told.pairCount < 400 && (bench.host.counts[.presence] ?? 0) >= 100)
        // One device less says nothing of somebody of whom not all is remembered; all of them do.
        #expect(bench.receive(stanza(type: "unavailable", to: "n399@b.example")).isEmpty)
        #expect(
            bench.receive(stanza(type: "unavailable", resource: nil, to: "n399@b.example"))
                == [bench.gone(alice, address("n399@b.example"))]
        )
        // Somebody else is remembered as ever, and what many are told counts once.
        let before = told.octets
        for number in 0..<500 { _ = bench.receive(stanza(to: "w\(number)@b.example").replacing("alice", with: "ann")) }
        let after = bench.bench.adapter.memory.told
        #expect(after.pairCount == told.pairCount + 500 && after.octets - before < 4_096)
        // What is forgotten is given back.
        bench.server.cut()
        #expect(bench.bench.adapter.memory.told.totalOctets == 0)
    }

    @Test("F.3: what is said on going is remembered once for each user, the oldest being forgotten first")
    func farewells() {
        var farewells = Farewells(limit: 10, octetLimit: 10_000)
        let body = { (number: Int) -> Body in .parts([.text("\(number)" + String(repeating: "x", count: 3_000))]) }
        for number in 0..<1_000 { farewells.note(body(0), of: alice, to: address("n\(number)@b.example")) }
        #expect(farewells.count == 1 && farewells.octets < 4_000)
        #expect(farewells.said(by: alice, to: address("n999@b.example")) == body(0))
        #expect(farewells.said(by: alice, to: bob) == nil)
        for number in 0..<1_000 { farewells.note(body(number), of: address("u\(number)@a.example"), to: bob) }
        #expect(farewells.octets <= 10_000 && farewells.count <= 10)
        #expect(farewells.said(by: address("u999@a.example"), to: bob) == body(999))
        #expect(farewells.said(by: alice, to: address("n1@b.example")) == nil)
        // What is said anew takes the place of what was said before, for those who hear it.
        farewells.note(body(1), of: alice, to: bob)
        farewells.note(body(2), of: alice, to: address("ben@b.example"))
        #expect(farewells.said(by: alice, to: bob) == nil)
        farewells.forget(alice, address("ben@b.example"))
        #expect(farewells.said(by: alice, to: address("ben@b.example")) == nil)
    }

    @Test("F.3, E21: after a lost link no state seems older than one that was told before")
    func times() {
        let bench = PresenceBench()
        let old = "<delay xmlns='urn:xmpp:delay' stamp='2026-11-21T09:00:00Z'/>"
        func newest(_ events: [PresenceEvent]) -> PresenceTime? { events.last?.document?.newestTimestamp }
        _ = bench.receive(stanza(content: old))
        let told = newest(bench.receive(stanza(resource: "laptop")))
        bench.server.cut()
        bench.host.advance(by: .seconds(1))
        bench.bench.accept()
        let again = newest(bench.receive(stanza(content: old)))
        #expect(told != nil && again.flatMap { again in told.map { $0 < again } } == true)
        // Nor after all that was remembered of a user went.
        _ = bench.receive(stanza(type: "unsubscribed", resource: nil))
        let third = newest(bench.receive(stanza(content: old)))
        #expect(third.flatMap { third in again.map { $0 < third } } == true)
    }

    @Test("F.3: activities count while they are told for, and what stands beside the tuples is counted as lost")
    func timed() {
        let bench = PresenceBench()
        let body = Body.parts([
            BodyPart(
                mediaType: PresenceDocument.mediaType,
                octets: ByteBuffer(
                    string: """
                        <?xml version='1.0'?><presence xmlns='urn:ietf:params:xml:ns:pidf' \
                        xmlns:r='urn:ietf:params:xml:ns:pidf:rpid' entity='pres:bob@b.example'><tuple id='ID-desk'>\
                        <status><basic>open</basic></status><r:activities from='2026-11-21T09:00:00Z' \
                        until='2026-11-21T11:00:00Z'><r:meeting/></r:activities></tuple>\
                        <x xmlns='urn:x'/></presence>
                        """
                )
            )
        ])
        let order = PresenceOrder.show(watcher: alice, presentity: bob, state: body)
        #expect(bench.order(order).first?.contains("<show>dnd</show>") == true)
        #expect(bench.host.counts == [.presence: 1])
        bench.clock.now = WallTime(milliseconds: bench.clock.now.milliseconds + 7_200_000)
        let later = bench.order(order)
        #expect(later.count == 1 && later.first?.contains("<show>") == false)
    }

    @Test("F.3, XEP-0319: since when a device is idle is told as RPID's last input, and comes back")
    func idle() throws {
        let bench = PresenceBench()
        let idle = "<idle xmlns='urn:xmpp:idle:1' since='2026-11-21T11:30:00+02:00'/>"
        let document = try #require(bench.receive(stanza(content: idle + "<show>away</show>")).first?.document)
        let extensions = document.tuples.first?.extensions.map { String(buffer: $0) } ?? []
        #expect(extensions.contains { $0.contains("user-input") && $0.contains("last-input=\"2026-11-21T09:30:00Z\"") })
        // The hint at what the person does is told as ever.
        #expect(PIDFWriter.octets(of: document).readableBytesView.contains("<away/>"))
        // XMPP's own word comes back as it was; RPID's alone becomes one.
        let words = tuple("ID-desk") { tuple in
            tuple.extensions = [
                ByteBuffer(
                    string:
                        "<r:user-input xmlns:r='\(UserInput.namespace)' last-input='2026-11-21T08:00:00Z'>idle</r:user-input>"
                )
            ]
        }
        #expect(
            bench.show(XMPPAdapterTests.document(words)).joined()
                .contains("><idle xmlns='urn:xmpp:idle:1' since='2026-11-21T08:00:00Z'/></presence>")
        )
        #expect(bench.host.counts.isEmpty)
    }
}

extension ByteBufferView {
    fileprivate func contains(_ text: String) -> Bool { String(decoding: self, as: UTF8.self).contains(text) }
}
