// SPDX-License-Identifier: Apache-2.0
import Testing

extension EndToEnd {
    /// People on a real Prosody and a real ejabberd add one another to their contact lists through two aggregators.
    @Suite("Presence", .serialized, .enabled(if: Bed.isPossible), .timeLimit(.minutes(10)))
    struct PresenceTests {}
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
        try await watcher.sees(presentity) { $0?.isThere == true && $0?.show == nil }
        #expect(try await watcher.listed(presentity)?.subscription == "to")
        #expect(try await presentity.listed(watcher)?.subscription == "from")

        try presentity.tell(.init(show: "away", status: ["en": "at lunch", "de": "beim Essen"], priority: 5))
        try await watcher.sees(presentity) {
            $0?.show == "away" && $0?.status == ["en": "at lunch", "de": "beim Essen"] && $0?.priority == 5
        }
        let caps = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:of:tests' ver='1'/>"
        try presentity.tell(.init(show: "dnd", status: ["": "busy"], xml: caps))
        try await watcher.sees(presentity) {
            $0?.show == "dnd" && $0?.status?.values.contains("busy") == true
                && $0?.inside?.contains("{http://jabber.org/protocol/caps}c") == true
        }

        let phone = try await play.device("phone")
        try phone.tell(.init(show: "xa", priority: -1))
        try await watcher.sees(phone) { $0?.show == "xa" && $0?.priority == -1 }
        try await watcher.sees(presentity) { $0?.show == "dnd" }
        phone.kill()
        try await watcher.sees(phone) { $0?.isThere == false }
        try await watcher.sees(presentity) { $0?.show == "dnd" }
        try presentity.quit()
        try await watcher.sees(presentity) { $0?.isThere == false }
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
        try await watcher.sees(presentity) { $0?.isThere == true }
        try presentity.say("unsubscribed", to: watcher)
        try await watcher.hears("unsubscribed", from: presentity)
        try await watcher.sees(presentity) { $0?.isThere == false }
        // Yes, and then no more interest.
        try await play.befriend()
        try await watcher.sees(presentity) { $0?.isThere == true }
        try watcher.say("unsubscribe", to: presentity)
        try await presentity.hears("unsubscribe", from: watcher)
        #expect(try await watcher.listed(presentity)?.subscription != "to")
        // And once more from the beginning.
        try await play.befriend()
        try presentity.tell(.init(show: "away"))
        try await watcher.sees(presentity) { $0?.show == "away" }
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
        try await watcher.sees(presentity) { $0?.show == "dnd" }
        watcher.kill()
        let again = try await Buddy("alice", "phone", at: play.bed.prosody, in: play.bed.scratch)
        try await again.sees(presentity) { $0?.show == "dnd" }
        try presentity.quit()
        try await again.sees(presentity) { $0?.isThere == false }
    }

    @Test(
        "RFC2779 3.4.1: a change of presence is seen abroad within a second, and about as soon as a message",
        arguments: [true, false]
    )
    func soon(_ watcherOnProsody: Bool) async throws {
        let play = try await PresencePlay("soon", watcherOnProsody: watcherOnProsody)
        defer { play.bed.stop() }
        try await play.befriend()
        let (from, to) = (try await play.writer(play.presentity), try await play.writer(play.watcher))
        var presence: [Double] = []
        var messages: [Double] = []
        for number in 1...20 {
            let before = try play.presentity.events().count { $0.event == "told" }
            try play.change(number.isMultiple(of: 2) ? "away" : "dnd")
            try await play.agree()
            let told = try play.presentity.events().filter { $0.event == "told" }.dropFirst(before).first
            let seen = try play.watcher.view(of: play.presentity)
            presence.append(try #require(seen).at - (try #require(told).at))

            try from.send("message \(number)", to: play.watcher.address)
            let came = try await to.message("message \(number)")
            let sent = try from.events().last { $0.event == "told" }
            messages.append(came.at - (try #require(sent).at))
        }
        presence.sort()
        messages.sort()
        let (median, ofMessages) = (presence[10], messages[10])
        let figures = [median, presence[19], ofMessages, messages[19]].map { "\(($0 * 1_000).rounded()) ms" }
        print(
            "to \(play.watcher.address): 20 changes of presence, median \(figures[0]), longest \(figures[1]);",
            "20 messages, median \(figures[2]), longest \(figures[3])"
        )
        #expect(median < 1, "\(presence)")
        #expect(median < 2 * ofMessages + 0.1, "\(presence), messages \(messages)")
    }
}
