// SPDX-License-Identifier: Apache-2.0
import Testing

extension EndToEnd {
    /// People on a real Prosody and a real ejabberd add one another to their contact lists through two aggregators.
    @Suite("Presence", .serialized, .enabled(if: Bed.isPossible), .timeLimit(.minutes(10)))
    struct PresenceTests {}
}

/// Two people, one on each server, and who watches whom.
struct PresencePlay {
    let bed: Bed
    let watcher: Buddy
    let presentity: Buddy
    /// Where the presentity lives.
    let home: any XMPPServer

    init(_ name: String, watcherOnProsody: Bool) async throws {
        bed = try await Bed(name)
        let alice = try await Buddy("alice", "desk", at: bed.prosody, in: bed.scratch)
        let bob = try await Buddy("bob", "desk", at: bed.ejabberd, in: bed.scratch)
        (watcher, presentity, home) = watcherOnProsody ? (alice, bob, bed.ejabberd) : (bob, alice, bed.prosody)
    }

    /// The watcher asks, and the presentity says yes.
    func befriend() async throws {
        try watcher.say("subscribe", to: presentity)
        try await presentity.hears("subscribe", from: watcher)
        try presentity.say("subscribed", to: watcher)
        try await watcher.hears("subscribed", from: presentity)
    }
}

extension EndToEnd.PresenceTests {
    @Test(
        "F.5, F.3, RFC2779 5.1.11, RFC2779 3.2.3: asked and approved, states, notes and devices are seen abroad",
        arguments: [true, false]
    )
    func seen(_ watcherOnProsody: Bool) async throws {
        let play = try await PresencePlay("seen", watcherOnProsody: watcherOnProsody)
        defer { play.bed.stop() }
        let (watcher, presentity) = (play.watcher, play.presentity)
        try await play.befriend()
        try await watcher.sees(presentity) { $0.isThere && $0.show == nil }
        #expect(try await watcher.listed(presentity)?.subscription == "to")
        #expect(try await presentity.listed(watcher)?.subscription == "from")

        try presentity.tell(.init(show: "away", status: ["en": "at lunch", "de": "beim Essen"], priority: 5))
        try await watcher.sees(presentity) { $0.show == "away" }
        let caps = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:of:tests' ver='1'/>"
        try presentity.tell(.init(show: "dnd", status: ["": "busy"], xml: caps))
        try await watcher.sees(presentity) {
            $0.show == "dnd" && $0.status?.values.contains("busy") == true
                && $0.inside?.contains("{http://jabber.org/protocol/caps}c") == true
        }

        let phone = try await Buddy(
            String(presentity.address.prefix { $0 != "@" }),
            "phone",
            at: play.home,
            in: play.bed.scratch
        )
        try phone.tell(.init(show: "xa", priority: -1))
        try await watcher.sees(phone) { $0.show == "xa" && $0.priority == -1 }
        try await watcher.sees(presentity) { $0.show == "dnd" }
        phone.kill()
        try await watcher.sees(phone) { !$0.isThere }
        try await watcher.sees(presentity) { $0.show == "dnd" }
        try presentity.quit()
        try await watcher.sees(presentity) { !$0.isThere }
    }

    @Test(
        "F.5, RFC2779 5.1.5, RFC2779 5.1.7, RFC2779 5.1.9, RFC2779 5.1.16: what was given is taken back, by either side",
        arguments: [true, false]
    )
    func takenBack(_ watcherOnProsody: Bool) async throws {
        let play = try await PresencePlay("taken-back", watcherOnProsody: watcherOnProsody)
        defer { play.bed.stop() }
        let (watcher, presentity) = (play.watcher, play.presentity)
        // No.
        try watcher.say("subscribe", to: presentity)
        try await presentity.hears("subscribe", from: watcher)
        try presentity.say("unsubscribed", to: watcher)
        try await watcher.hears("unsubscribed", from: presentity)
        #expect(try await watcher.listed(presentity)?.ask == nil)
        // Yes, and then no.
        try await play.befriend()
        try await watcher.sees(presentity) { $0.isThere }
        try presentity.say("unsubscribed", to: watcher)
        try await watcher.hears("unsubscribed", from: presentity)
        try await watcher.sees(presentity) { !$0.isThere }
        // Yes, and then no more interest.
        try await play.befriend()
        try await watcher.sees(presentity) { $0.isThere }
        try watcher.say("unsubscribe", to: presentity)
        try await presentity.hears("unsubscribe", from: watcher)
        #expect(try await watcher.listed(presentity)?.subscription != "to")
        // And once more from the beginning.
        try await play.befriend()
        try presentity.tell(.init(show: "away"))
        try await watcher.sees(presentity) { $0.show == "away" }
    }

    @Test(
        "F.5, RFC2779 5.1.5, RFC3922 F.6: who asks for somebody at a domain that is nowhere hears that, and is not left waiting"
    )
    func nobody() async throws {
        let bed = try await Bed("presence-nobody")
        defer { bed.stop() }
        let alice = try await Buddy("alice", "desk", at: bed.prosody, in: bed.scratch)
        let bob = try await Buddy("bob", "desk", at: bed.ejabberd, in: bed.scratch)
        // Servers say nothing of users whom they do not have, as RFC 6121 §3.1.3 allows: those stay pending.
        for (asker, address) in [(alice, "x@c.example"), (bob, "x@c.example")] {
            try asker.tell(.init(to: address, type: "subscribe"))
            let answer = try await asker.answer(from: address)
            #expect(["unsubscribed", "error"].contains(answer.type ?? ""), "\(address): \(answer)")
        }
    }

    @Test("F.5: a session that begins is told what is so, and then who left")
    func session() async throws {
        let play = try await PresencePlay("session", watcherOnProsody: true)
        defer { play.bed.stop() }
        let (watcher, presentity) = (play.watcher, play.presentity)
        try await play.befriend()
        try presentity.tell(.init(show: "dnd"))
        try await watcher.sees(presentity) { $0.show == "dnd" }
        watcher.kill()
        let again = try await Buddy("alice", "phone", at: play.bed.prosody, in: play.bed.scratch)
        try await again.sees(presentity) { $0.show == "dnd" }
        try presentity.quit()
        try await again.sees(presentity) { !$0.isThere }
    }

    @Test(
        "F.5, RFC2779 3.2.5, IMX 2.5a: each aggregator is killed between two steps, and nobody's view stays wrong",
        arguments: [true, false]
    )
    func restarts(_ watcherOnProsody: Bool) async throws {
        let play = try await PresencePlay("presence-restarts", watcherOnProsody: watcherOnProsody)
        defer { play.bed.stop() }
        let bed = play.bed
        let (watcher, presentity) = (play.watcher, play.presentity)
        try watcher.say("subscribe", to: presentity)
        try await presentity.hears("subscribe", from: watcher)
        // Between question and answer.
        for aggregator in [bed.north, bed.south] {
            aggregator.crash()
            try await aggregator.start()
        }
        try presentity.say("subscribed", to: watcher)
        try await watcher.hears("subscribed", from: presentity)
        // Between two states.
        for (aggregator, show) in [(bed.north, "away"), (bed.south, "dnd"), (bed.north, "xa")] {
            try await watcher.sees(presentity) { $0.isThere }
            aggregator.crash()
            try presentity.tell(.init(show: show))
            try await aggregator.start()
            try await watcher.sees(presentity, within: .seconds(60)) { $0.show == show }
        }
    }
}
