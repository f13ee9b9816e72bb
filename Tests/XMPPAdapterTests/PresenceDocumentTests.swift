// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import MessageFormats
import NIOCore
import Testing

@testable import XMPPAdapter

/// The document that a burst published last.
private func published(_ events: [PresenceEvent]) -> PresenceDocument? { events.last { $0.document != nil }?.document }

@Suite("Presence stanzas as documents")
struct PresenceDocumentTests {
    @Test("F.3, RFC2779 2.1.3: who is there, how much, what is said in each language, since when, and where to write")
    func all() throws {
        let bench = PresenceBench()
        let events = bench.receive(
            "<presence from='alice@a.example/desk' to='bob@b.example' xml:lang='en'><show>dnd</show>"
                + "<status>in a meeting</status><status xml:lang='de'>in einer Besprechung</status>"
                + "<priority>13</priority></presence>"
        )
        let document = try #require(published(events))
        #expect(document.entity == "pres:alice@a.example")
        let tuple = try #require(document.tuples.first)
        #expect(document.tuples.count == 1 && document.notes.isEmpty)
        #expect(tuple.basic == .open && tuple.show == .dnd)
        #expect(PIDFTupleID.decode(tuple.id) == "desk")
        #expect(tuple.notes.contains(LocalizedText("in a meeting", language: "en")))
        #expect(tuple.notes.contains(LocalizedText("in einer Besprechung", language: "de")))
        #expect(tuple.contact == "im:alice@a.example" && tuple.contactPriority == "0.102")
        #expect(tuple.timestamp == "2026-11-21T10:00:00.000Z")
        guard case .publishes(alice, bob, .parts(let parts)) = events.last else {
            Issue.record("\(events)")
            return
        }
        #expect(parts.map(\.mediaType) == ["application/pidf+xml"])
    }

    @Test(
        "F.3: show is one of four words, and any other says nothing",
        arguments: [
            ("away", PresenceTuple.Show.away), ("chat", .chat), ("dnd", .dnd), ("xa", .xa), ("", nil), ("busy", nil),
            ("AWAY", nil),
        ]
    )
    func show(_ word: String, _ show: PresenceTuple.Show?) {
        let bench = PresenceBench()
        #expect(published(bench.receive(stanza(content: "<show>\(word)</show>")))?.tuples.map(\.show) == [show])
    }

    @Test(
        "F.3: a negative priority is no contact priority, and no means of contact is told",
        arguments: [
            ("0", "0"), ("1", "0.007"), ("126", "0.992"), ("127", "1"), ("-1", nil), ("-128", nil), ("128", "0"),
            ("many", "0"),
        ] as [(String, String?)]
    )
    func priority(_ text: String, _ literal: String?) throws {
        let bench = PresenceBench()
        let events = bench.receive(stanza(content: "<priority>\(text)</priority>"))
        let tuple = try #require(published(events)?.tuples.first)
        #expect(tuple.contactPriority.flatMap(Double.init) == literal.flatMap(Double.init))
        #expect((tuple.contact == nil) == (literal == nil))
    }

    @Test("F.3: several resources are one document with all of them each time")
    func resources() {
        let bench = PresenceBench()
        _ = bench.receive(stanza())
        #expect(
            published(bench.receive(stanza(resource: "phone", content: "<show>xa</show>")))?.tuples.map(\.show) == [
                nil, .xa,
            ]
        )
        #expect(published(bench.receive(stanza(content: "<show>away</show>")))?.tuples.map(\.show) == [.away, .xa])
    }

    @Test("F.3, RFC2779 4.4.1: a resource that went is told as closed once, and not again")
    func closed() {
        let bench = PresenceBench()
        _ = bench.receive(stanza() + stanza(resource: "phone"))
        let gone = published(bench.receive(stanza(type: "unavailable", content: "<status>bye</status>")))
        #expect(gone?.tuples.map(\.basic) == [.open, .closed])
        #expect(gone?.tuples.last?.notes == [LocalizedText("bye")] && gone?.tuples.last?.contact == nil)
        // The answer to a probe is the same, so that nobody takes it for a change.
        #expect(published(bench.receive(stanza(resource: "phone"))) == gone)
        let next = published(bench.receive(stanza(resource: "phone", content: "<show>away</show>")))
        #expect(next?.tuples.map(\.basic) == [.open] && next?.tuples.map(\.show) == [.away])
    }

    @Test("F.3: the last one to go leaves nothing, unless it says something on going")
    func last() {
        let bench = PresenceBench()
        _ = bench.receive(stanza())
        #expect(
            bench.receive(stanza(type: "unavailable")).first
                == .publishes(presentity: alice, watcher: bob, state: .none)
        )
        _ = bench.receive(stanza())
        let bye = published(bench.receive(stanza(type: "unavailable", content: "<status>bye</status>")))
        #expect(bye?.tuples.map(\.basic) == [.closed] && bye?.tuples.first?.notes == [LocalizedText("bye")])
        // The answer to a probe is the same.
        #expect(published(bench.receive(stanza(type: "unavailable", resource: nil))) == bye)
        _ = bench.receive(stanza() + stanza(resource: "phone"))
        let all = bench.receive(stanza(type: "unavailable", resource: nil))
        #expect(all == [bench.gone(alice, bob)])
    }

    @Test("F.3: presence from a bare address is one tuple that comes back as a bare address")
    func bare() throws {
        let bench = PresenceBench()
        let tuple = try #require(published(bench.receive(stanza(resource: nil)))?.tuples.first)
        #expect(tuple.resource(of: alice) == nil)
        #expect(tuple.resource(of: bob) != nil)
    }

    @Test(
        "F.3: any resource comes back from its tuple's identifier",
        arguments: ["desk", "1abc", "a b", "r/1", "ID-x", "ID--1", "Grüße ☃", "-", "_", "%41"]
    )
    func identifiers(_ resource: String) {
        let id = PresenceTuple.id(for: ByteBuffer(string: resource), of: alice)
        #expect(PresenceTuple(id: id).resource(of: alice) == ByteBuffer(string: resource))
    }

    @Test("F.3: times only ever grow, and a stamp of delay counts where nothing later was said")
    func times() {
        let bench = PresenceBench()
        let stamp = "<delay xmlns='urn:xmpp:delay' stamp='2026-11-21T09:30:00Z'/>"
        func time(_ text: String) -> String? { published(bench.receive(text))?.tuples.compactMap(\.timestamp).max() }
        #expect(time(stanza(content: stamp)) == "2026-11-21T09:30:00.000Z")
        #expect(time(stanza(content: "<show>away</show>" + stamp)) == "2026-11-21T09:30:00.001Z")
        #expect(time(stanza(content: "<show>xa</show>")) == "2026-11-21T10:00:00.000Z")
        #expect(time(stanza(content: "<show>away</show>")) == "2026-11-21T10:00:00.001Z")
        bench.clock.now = WallTime(milliseconds: bench.clock.now.milliseconds - 5_000)
        #expect(time(stanza(resource: "phone")) == "2026-11-21T10:00:00.002Z")
        let future = "<delay xmlns='urn:xmpp:delay' stamp='2036-01-01T00:00:00Z'/>"
        #expect(time(stanza(resource: "phone", content: "<show>dnd</show>" + future)) == "2026-11-21T10:00:00.003Z")
    }

    @Test("F.3: an answer to a probe that repeats what was said is the same document, stamp or no stamp")
    func repeated() {
        let bench = PresenceBench()
        let first = bench.receive(stanza(content: "<show>away</show>"))
        bench.clock.now = WallTime(milliseconds: bench.clock.now.milliseconds + 60_000)
        let stamp = "<delay xmlns='urn:xmpp:delay' stamp='2026-11-21T10:00:00Z'/>"
        #expect(bench.receive(stanza(content: "<show>away</show>" + stamp)) == first)
    }

    @Test("F.3: one stanza for many watchers is read once, and its document is shared")
    func shared() throws {
        let bench = PresenceBench()
        let watchers = (0..<100).map { "w\($0)@b.example" }
        func storages(_ text: String) -> Set<ByteBuffer> {
            let events = bench.receive(watchers.map { stanza(to: $0, content: text) }.joined())
            #expect(events.count == 100)
            return Set(
                events.compactMap {
                    guard case .publishes(_, _, .parts(let parts)) = $0 else { return nil }
                    return parts.first?.octets
                }
            )
        }
        // The clock stands, so equal octets mean one time, and one time means that it was read once.
        for show in ["away", "dnd", "away"] { #expect(storages("<show>\(show)</show>").count == 1) }
    }

    @Test("F.3: what is remembered is bounded; beyond it a state is told, and not remembered")
    func bounded() {
        let bench = PresenceBench()
        bench.bench.adapter.memory.told = PresentityTable(limits: PresentityTable.Limits(pairs: 1))
        _ = bench.receive(stanza())
        #expect(published(bench.receive(stanza(to: "ben@b.example")))?.tuples.count == 1)
        #expect(published(bench.receive(stanza(resource: "phone", to: "ben@b.example")))?.tuples.count == 1)
        #expect(bench.host.counts == [.presence: 2])
        let many = (0..<20).map { stanza(resource: "r\($0)") }.joined()
        #expect(published(bench.receive(many))?.tuples.count == PresentityTable.resourceLimit)
        let long = "<status>\(String(repeating: "x", count: 5_000))</status>"
        #expect(published(bench.receive(stanza(content: long)))?.tuples.first?.notes == [])
    }
}
