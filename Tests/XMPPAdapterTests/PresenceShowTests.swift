// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import MessageFormats
import NIOCore
import Testing

@testable import XMPPAdapter

@Suite("Documents as presence stanzas")
struct PresenceShowTests {
    private func available(_ resource: String, _ content: String = "") -> String {
        "<presence from='bob@b.example/\(resource)' to='alice@a.example'"
            + (content.isEmpty ? "/>" : ">\(content)</presence>")
    }

    private func unavailable(_ resource: String?, _ content: String = "") -> String {
        "<presence type='unavailable' from='bob@b.example\(resource.map { "/" + $0 } ?? "")' to='alice@a.example'"
            + (content.isEmpty ? "/>" : ">\(content)</presence>")
    }

    @Test("F.3: one stanza for each tuple, with show, notes and priority")
    func all() {
        let bench = PresenceBench()
        let desk = tuple("ID-desk") {
            $0.show = .dnd
            $0.notes = [LocalizedText("busy & so on", language: "en"), LocalizedText("besetzt", language: "de")]
            $0.contact = "im:bob@b.example"
            $0.contactPriority = "0.102"
            $0.timestamp = "2026-11-21T09:59:59Z"
        }
        #expect(
            bench.show(document(desk, tuple("ID-phone"))) == [
                available(
                    "desk",
                    "<show>dnd</show><status xml:lang='en'>busy &amp; so on</status>"
                        + "<status xml:lang='de'>besetzt</status><priority>13</priority>"
                ), available("phone"),
            ]
        )
    }

    @Test("F.3: only what changed is written, be it a note alone")
    func changes() {
        let bench = PresenceBench()
        #expect(bench.show(document(tuple("ID-desk"), tuple("ID-phone"))).count == 2)
        #expect(bench.show(document(tuple("ID-desk"), tuple("ID-phone"))).isEmpty)
        #expect(
            bench.show(document(tuple("ID-desk"), tuple("ID-phone") { $0.notes = [LocalizedText("out")] }))
                == [available("phone", "<status>out</status>")]
        )
        // The time of a state is not the state.
        #expect(
            bench.show(
                document(
                    tuple("ID-desk") { $0.timestamp = "2026-11-21T09:59:59Z" },
                    tuple("ID-phone") { $0.notes = [LocalizedText("out")] }
                )
            ).isEmpty
        )
    }

    @Test("F.3, RFC2779 4.4.1: a tuple that vanished or closed is taken back, after whoever came is shown")
    func vanished() {
        let bench = PresenceBench()
        _ = bench.show(document(tuple("ID-desk"), tuple("ID-phone")))
        #expect(
            bench.show(document(tuple("ID-tablet"), tuple("ID-phone"))) == [available("tablet"), unavailable("desk")]
        )
        let closed = tuple("ID-phone", .closed) { $0.notes = [LocalizedText("bye")] }
        #expect(
            bench.show(document(tuple("ID-tablet"), closed)) == [unavailable("phone", "<status>bye</status>")]
        )
        #expect(bench.show(document(tuple("ID-tablet"), closed)).isEmpty)
        #expect(bench.show(document(tuple("ID-tablet", .closed))) == [unavailable("tablet")])
        #expect(bench.show(document(tuple("ID-tablet", .closed))).isEmpty)
    }

    @Test("F.3: nobody there is told for each resource that was shown, else once from the bare address")
    func nobody() {
        let bench = PresenceBench()
        #expect(bench.showNothing() == [unavailable(nil)])
        #expect(bench.showNothing().isEmpty)
        _ = bench.show(document(tuple("ID-desk"), tuple("ID-phone")))
        #expect(bench.showNothing() == [unavailable("desk"), unavailable("phone")])
        #expect(bench.showNothing().isEmpty)
    }

    @Test("F.3, F.5: a session that begins is shown all, and what vanished meanwhile is taken back")
    func probe() {
        let bench = PresenceBench()
        _ = bench.show(document(tuple("ID-desk"), tuple("ID-phone")))
        #expect(bench.receive(stanza(type: "probe")) == [.wants(watcher: alice, presentity: bob)])
        #expect(bench.show(document(tuple("ID-desk"))) == [available("desk"), unavailable("phone")])
        #expect(bench.show(document(tuple("ID-desk"))).isEmpty)
        _ = bench.showNothing()
        _ = bench.receive(stanza(type: "probe"))
        #expect(bench.showNothing() == [unavailable(nil)])
    }

    @Test("F.3: after a lost link all is shown again, and what went meanwhile is taken back")
    func link() {
        let bench = PresenceBench()
        _ = bench.show(document(tuple("ID-desk"), tuple("ID-phone")))
        bench.server.cut()
        #expect(bench.show(document(tuple("ID-desk"))).isEmpty)
        bench.host.advance(by: .seconds(1))
        bench.bench.accept()
        #expect(bench.show(document(tuple("ID-desk"))) == [available("desk"), unavailable("phone")])
        #expect(bench.show(document(tuple("ID-desk"))).isEmpty)
    }

    @Test("F.3, E09: a document without tuples and notes is the bare address, and not there")
    func noTuples() {
        let bench = PresenceBench()
        #expect(bench.show(document()) == [unavailable(nil)])
        _ = bench.show(document(tuple("ID-desk")))
        #expect(bench.show(document()) == [unavailable("desk")])
    }

    @Test("F.3, E10: a document of notes alone is no presence in XMPP")
    func notesOnly() {
        let bench = PresenceBench()
        _ = bench.show(document(tuple("ID-desk")))
        // The note is not shown, but the tuple is gone.
        #expect(bench.show(document(notes: [LocalizedText("hello")])) == [unavailable("desk")])
        #expect(bench.show(document(notes: [LocalizedText("hello")])).isEmpty)
        #expect(bench.host.counts == [.presence: 1])
        #expect(bench.show(document(tuple("ID-desk"))) == [available("desk")])
    }

    @Test("F.3, E14: a tuple that does not say whether somebody is there changes nothing")
    func noBasic() {
        let bench = PresenceBench()
        #expect(bench.show(document(tuple("ID-desk", nil))).isEmpty)
        _ = bench.show(document(tuple("ID-desk")))
        #expect(bench.show(document(tuple("ID-desk", nil) { $0.show = .away })).isEmpty)
        #expect(bench.showNothing() == [unavailable("desk")])
    }

    @Test("F.3, E23: one contact that is open and closed is available")
    func conflict() {
        let bench = PresenceBench()
        let open = tuple("t1") { $0.contact = "im:bob@b.example" }
        let closed = tuple("t2", .closed) { $0.contact = "im:bob@b.example" }
        #expect(bench.show(document(open, closed)) == [available("t1")])
        #expect(PresenceBench().show(document(closed, open)) == [available("t1")])
    }

    @Test("F.3, E34: what is no presence document is not shown, and counted")
    func otherType() {
        let bench = PresenceBench()
        for type in ["application/pidf-diff+xml", "text/plain; charset=utf-8", "multipart/signed"] {
            let body = Body.parts([BodyPart(mediaType: type, octets: ByteBuffer(string: "<presence/>"))])
            #expect(bench.order(.show(watcher: alice, presentity: bob, state: body)).isEmpty)
        }
        #expect(bench.host.counts == [.presence: 3])
        let broken = Body.parts([BodyPart(mediaType: "application/pidf+xml", octets: ByteBuffer(string: "<presence>"))])
        #expect(bench.order(.show(watcher: alice, presentity: bob, state: broken)).isEmpty)
        #expect(bench.host.counts == [.presence: 3, .malformed: 1])
    }

    @Test("F.3, E11, RFC2779 3.1.2: a document about somebody else is not shown, and counted")
    func lie() {
        let bench = PresenceBench()
        for entity in ["pres:ben@b.example", "pres:bob@c.example", "mailto:bob@b.example"] {
            var document = document(tuple("ID-desk"))
            document.entity = entity
            #expect(bench.show(document).isEmpty)
        }
        #expect(bench.host.counts == [.malformed: 3])
    }

    @Test("F.3: a note on the whole is said where a tuple says nothing")
    func topNote() {
        let bench = PresenceBench()
        let own = tuple("ID-phone") { $0.notes = [LocalizedText("own")] }
        #expect(
            bench.show(document(tuple("ID-desk"), own, notes: [LocalizedText("all", language: "en")])) == [
                available("desk", "<status xml:lang='en'>all</status>"), available("phone", "<status>own</status>"),
            ]
        )
    }

    @Test("F.3, XEP-0203: an old state is stamped with its time, in UTC")
    func delay() {
        let bench = PresenceBench()
        let old = tuple("ID-desk") { $0.timestamp = "2026-11-21T11:30:00+02:00" }
        #expect(
            bench.show(document(old))
                == [available("desk", "<delay xmlns='urn:xmpp:delay' stamp='2026-11-21T09:30:00.000Z'/>")]
        )
    }

    @Test("F.3: a tuple's identifier that can be no resource still has one of its own")
    func identifiers() {
        let bench = PresenceBench()
        let long = String(repeating: "x", count: 2_000)
        let written = bench.show(document(tuple("mypres"), tuple(" x "), tuple(long), tuple("ID-a_26b")))
        #expect(written.count == 4)
        #expect(written.first == available("mypres") && written.last == available("a&amp;b"))
        // A resource has no space at its ends, so the code of one stands for itself.
        #expect(written.contains(available("ID-_20x_20")))
        #expect(written.contains { $0.contains("from='bob@b.example/imx-") })
    }

    @Test("F.3: what one user is shown takes nothing from another, and is made once")
    func watchers() {
        let bench = PresenceBench()
        let state = PresenceBody.write(document(tuple("ID-desk")))
        let watchers = (0..<50).map { address("w\($0)@a.example") }
        for watcher in watchers { bench.know(watcher, bob) }
        bench.bench.adapter.presence(watchers.map { .show(watcher: $0, presentity: bob, state: state) })
        #expect(bench.stanzas().count == 50)
        #expect(bench.bench.adapter.memory.mapped.count == 1)
        bench.bench.adapter.presence(watchers.map { .show(watcher: $0, presentity: bob, state: state) })
        #expect(bench.stanzas().isEmpty)
    }

    @Test("F.3, IMX 5.1: documents that came for many watchers, each in an entity with its own To, are read once")
    func entities() {
        let bench = PresenceBench()
        let state = PresenceBody.write(document(tuple("ID-desk")))
        let watchers = (0..<50).map { address("w\($0)@a.example") }
        for watcher in watchers { bench.know(watcher, bob) }
        bench.bench.adapter.presence(
            watchers.map { watcher in
                var entity = ByteBuffer()
                _ = MIMEEntity.write(body: state, from: bob, to: watcher, into: &entity)
                return .show(watcher: watcher, presentity: bob, state: .entity(entity))
            }
        )
        #expect(bench.stanzas().count == 50)
        #expect(bench.bench.adapter.memory.mapped.count == 1)
    }

    @Test("F.3: the first state after a start takes back whatever an earlier process had shown")
    func afterStart() {
        let bench = PresenceBench()
        let ben = address("ben@b.example")
        let state = { (document: PresenceDocument) -> Body in
            var document = document
            document.entity = "pres:ben@b.example"
            return PresenceBody.write(document)
        }
        let whole = "<presence type='unavailable' from='ben@b.example' to='alice@a.example'/>"
        let desk = PresenceOrder.show(watcher: alice, presentity: ben, state: state(document(tuple("ID-desk"))))
        #expect(bench.order(desk) == [whole, "<presence from='ben@b.example/desk' to='alice@a.example'/>"])
        #expect(bench.order(desk).isEmpty)
        let eve = address("eve@b.example")
        #expect(
            bench.order(.ended(watcher: alice, presentity: eve, Outcome(.refused))) == [
                "<presence type='unavailable' from='eve@b.example' to='alice@a.example'/>",
                "<presence type='unsubscribed' from='eve@b.example' to='alice@a.example'/>",
            ]
        )
        // A contact that is new was shown to nobody.
        let ann = address("ann@b.example")
        _ = bench.receive(stanza(type: "subscribe", resource: nil, to: "ann@b.example"))
        _ = bench.order(.approved(watcher: alice, presentity: ann))
        let open = state(document(tuple("ID-desk"))).replacing("ben", with: "ann")
        #expect(
            bench.order(.show(watcher: alice, presentity: ann, state: open))
                == ["<presence from='ann@b.example/desk' to='alice@a.example'/>"]
        )
    }

    @Test("F.3, E33, E34: a document that cannot be shown takes back what was")
    func unreadable() {
        for type in ["multipart/signed", "application/pidf+xml"] {
            let bench = PresenceBench()
            _ = bench.show(document(tuple("ID-desk")))
            let body = Body.parts([
                BodyPart(mediaType: type, octets: ByteBuffer(string: "<presence>"), isOpaque: type.hasPrefix("multi"))
            ])
            #expect(bench.order(.show(watcher: alice, presentity: bob, state: body)) == [unavailable("desk")])
            #expect(bench.order(.show(watcher: alice, presentity: bob, state: body)).isEmpty)
        }
    }
}

extension Body {
    /// The same document about somebody else.
    fileprivate func replacing(_ name: String, with other: String) -> Body {
        guard case .parts(let parts) = self, let octets = parts.first?.octets else { return self }
        return .parts([
            BodyPart(
                mediaType: PresenceDocument.mediaType,
                octets: ByteBuffer(string: String(buffer: octets).replacing(name, with: other))
            )
        ])
    }
}
