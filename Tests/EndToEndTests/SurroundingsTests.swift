// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

/// Everything that drives real processes, one test after the other: two cores are soon busy.
@Suite("End to end", .serialized, .onItsOwnThread)
enum EndToEnd {}

extension EndToEnd {
    /// The servers and the clients alone, without an aggregator: what fails here is the surroundings' fault.
    @Suite("Surroundings", .serialized, .timeLimit(.minutes(10)))
    struct SurroundingsTests {}
}

extension EndToEnd.SurroundingsTests {
    @Test("Prosody carries a message between two real clients", .enabled(if: Place.has("prosody")))
    func prosody() async throws {
        let scratch = try Scratch("prosody")
        try await exchange(try Prosody(domain: "a.example", accounts: ["alice", "bob"], in: scratch), scratch)
    }

    @Test("ejabberd carries a message between two real clients", .enabled(if: Place.has("erl")))
    func ejabberd() async throws {
        let scratch = try Scratch("ejabberd")
        try await exchange(try Ejabberd(domain: "b.example", accounts: ["alice", "bob"], in: scratch), scratch)
    }

    private func exchange(_ server: some XMPPServer, _ scratch: Scratch) async throws {
        try await server.start()
        defer { server.stop() }
        let alice = try await XMPPClient("alice", at: server, in: scratch)
        let bob = try await LoadClient("bob", at: server, in: scratch)
        let load = try await LoadClient("alice", at: server, in: scratch)
        try load.send(500, to: "bob@\(server.domain)", rate: 5_000)
        try await load.sent(500, within: .seconds(20))
        try alice.send("hello", to: "nobody@\(server.domain)", id: "m1")
        let error = try await alice.error(about: "m1")
        #expect(error.condition == "service-unavailable")
        let report = try await bob.report()
        #expect(report.numbers["alice@\(server.domain)"]?.count == 500)
        #expect(report.repeats.isEmpty && report.backward.isEmpty)
        try alice.send(XMPPClient.Message(to: alice.jid, body: "to myself", subject: "S", thread: "T", lang: "de"))
        let echo = try await alice.message("to myself")
        #expect(echo.subject == "S" && echo.thread == "T" && echo.lang == "de")
    }
}
