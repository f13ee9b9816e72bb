// SPDX-License-Identifier: Apache-2.0
import Testing

extension EndToEnd {
    /// People on a real Prosody and a real ejabberd write to one another through two aggregators.
    @Suite("Conversation", .serialized, .enabled(if: Bed.isPossible), .timeLimit(.minutes(10)))
    struct ConversationTests {}
}

extension EndToEnd.ConversationTests {
    @Test(
        "IMX 2.5c, IMX 2.7, IMX 6.1.5, RFC2779 2.4.3, RFC2779 2.5.4, RFC2779 4.1.3, RFC2779 4.1.6, RFC2779 5.4.4: messages in two languages cross both ways, unprotected, and can be answered"
    )
    func bothWays() async throws {
        let bed = try await Bed("conversation")
        defer { bed.stop() }
        let alice = try await XMPPClient("alice", at: bed.prosody, in: bed.scratch)
        let bob = try await XMPPClient("bob", at: bed.ejabberd, in: bed.scratch)

        try alice.send(
            XMPPClient.Message(
                to: "bob@b.example",
                body: "Guten Tag, ☃ & <Bob>",
                subject: "Grüße",
                thread: "t-1",
                lang: "de",
                type: "chat",
                bodies: ["en": "Good day"]
            )
        )
        let came = try await bob.message("Guten Tag, ☃ & <Bob>")
        #expect(bare(came.from) == "alice@a.example")
        #expect(came.subject == "Grüße" && came.thread == "t-1")
        #expect(came.lang == "de" || came.bodies?["de"] == "Guten Tag, ☃ & <Bob>")
        #expect(came.bodies?["en"] == "Good day")

        try bob.send("hello yourself", to: try #require(came.from))
        let answer = try await alice.message("hello yourself")
        #expect(bare(answer.from) == "bob@b.example")

        let north = try await bed.north.settled(within: .seconds(10))
        let south = try await bed.south.settled(within: .seconds(10))
        #expect(north.balances && north.ledger.delivered == 2)
        #expect(south.balances && south.ledger.delivered == 2)
    }

    @Test("XEP-0106, H.2: a user of a server without routing writes to an escaped address and is answered from it")
    func escaped() async throws {
        let bed = try await Bed("escaped")
        defer { bed.stop() }
        let amy = try await XMPPClient("amy", at: bed.prosody, in: bed.scratch)
        let bob = try await XMPPClient("bob", at: bed.ejabberd, in: bed.scratch)
        try amy.send("by escape", to: #"bob\40b.example@imx.a.example"#)
        let came = try await bob.message("by escape")
        #expect(bare(came.from) == "amy@a.example")
        try bob.send("back by escape", to: try #require(came.from))
        let answer = try await amy.message("back by escape")
        #expect(bare(answer.from) == #"bob\40b.example@imx.a.example"#)
    }

    @Test("RFC2779 4.2.1, RFC2779 5.4.1, F.6: an unknown user and an unknown domain give the sender precise errors")
    func unknown() async throws {
        let bed = try await Bed("unknown")
        defer { bed.stop() }
        let alice = try await XMPPClient("alice", at: bed.prosody, in: bed.scratch)
        let bob = try await XMPPClient("bob", at: bed.ejabberd, in: bed.scratch)

        try alice.send("anyone there?", to: "nobody@b.example", id: "no-user")
        let user = try await alice.error(about: "no-user")
        #expect(bare(user.from) == "nobody@b.example")
        let unavailable = ["service-unavailable", "recipient-unavailable", "item-not-found"]
        #expect(unavailable.contains(user.condition ?? ""), "\(user)")

        try alice.send("anyone there?", to: "someone@c.example", id: "no-domain")
        let domain = try await alice.error(about: "no-domain")
        #expect(domain.condition == "remote-server-not-found", "\(domain)")

        // Nothing else was harmed.
        try alice.send("still here", to: "bob@b.example")
        _ = try await bob.message("still here")
        let status = try await bed.north.settled(within: .seconds(20))
        #expect(status.balances && status.ledger.delivered == 1 && status.ledger.failed == 2)
    }

    @Test("Contract trace: imx send prints outcome and path, its code follows, one trace id is in both logs")
    func command() async throws {
        let bed = try await Bed("command")
        defer { bed.stop() }
        let bob = try await XMPPClient("bob", at: bed.ejabberd, in: bed.scratch)
        let sent = try await bed.north.run(["send", "operator@a.example", "bob@b.example", "from the command line"])
        #expect(sent.end == .exited(0), "\(sent.out)")
        #expect(bare(try await bob.message("from the command line").from) == "operator@a.example")
        let trace = try #require(sent.out.firstMatch(of: /[0-9a-f]{32}/)?.0)
        #expect(try bed.north.log(holding: String(trace)).isEmpty == false)
        #expect(try bed.south.log(holding: String(trace)).isEmpty == false)

        let failed = try await bed.north.run(["send", "operator@a.example", "someone@c.example", "into the void"])
        #expect(failed.end == .exited(1), "\(failed.out)")
    }

    @Test("Contract stop: SIGTERM ends both aggregators with code 0 within the configured time")
    func stop() async throws {
        let bed = try await Bed("stop")
        defer { bed.stop() }
        let bob = try await LoadClient("bob", at: bed.ejabberd, in: bed.scratch)
        let alice = try await LoadClient("alice", at: bed.prosody, in: bed.scratch)
        try alice.send(2_000, to: "bob@b.example", rate: 1_000)
        try await Task.sleep(for: .seconds(1))
        let clock = ContinuousClock()
        let begun = clock.now
        #expect(try await bed.south.terminate() == .exited(0))
        #expect(clock.now - begun < .seconds(bed.south.plan.stopWithin + 1))
        try await bed.south.start()
        try await alice.sent(2_000, within: .seconds(20))
        let status = try await bed.north.settled(within: .seconds(30))
        #expect(status.balances && status.ledger.uncertain == 0, "\(status)")
        let report = try await bob.report()
        #expect(report.received == status.ledger.delivered && report.repeats.isEmpty && report.backward.isEmpty)
        #expect(try await bed.north.terminate() == .exited(0))
    }

    private func bare(_ jid: String?) -> String? { jid?.split(separator: "/").first.map(String.init) }
}
