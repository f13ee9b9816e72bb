// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// What was said once, said again by somebody else.
    @Suite("Attacks by replay", .serialized, .timeLimit(.minutes(10)))
    struct AttackReplayTests {}
}

extension EndToEnd.AttackReplayTests {
    @Test(
        "S05, G.3-7, IMX 2.9a: a recorded handshake, replayed whole or in part, at once, later or after a restart, authenticates nothing"
    )
    func replay() async throws {
        let field = try await Battlefield("replay", isRecorded: true)
        let (there, here) = try #require(field.proxies)
        try await eventually("a good handshake", within: .seconds(10)) {
            there.recordings.contains { RecordingProxy.parts(of: $0).contains { $0[4...5] == [0x00, 0x20] } }
        }
        let started = Date()
        let claiming = try #require(
            there.recordings.map(RecordingProxy.parts).first { $0.contains { $0.dropFirst(4).prefix(2) == [0, 0x10] } }
        )
        let verifying = try #require(
            here.recordings.map(RecordingProxy.parts).first { $0.contains { $0.dropFirst(4).prefix(2) == [0, 0x11] } }
        )
        #expect(claiming.contains { $0.dropFirst(4).prefix(2) == [0, 0x12] }, "no proof in the recording")

        for count in 2...min(claiming.count, 8) {
            try check(Array(claiming.prefix(count)), at: field.south.plan.listen, "the first \(count)")
        }
        for index in 2..<min(claiming.count, 8) {
            try check([claiming[0], claiming[1], claiming[index]], at: field.south.plan.listen, "record \(index)")
        }
        try check(verifying, at: field.north.plan.listen, "the verification")
        for age in [29.0, 31.0, 36.0] {
            let rest = age - Date().timeIntervalSince(started)
            if rest > 0 { try await Task.sleep(for: .seconds(rest)) }
            try check(claiming, at: field.south.plan.listen, "after \(age) s")
            try check(verifying, at: field.north.plan.listen, "the verification after \(age) s")
        }
        try await field.end(atLeast: 1)
        field.south.crash()
        field.north.crash()
        try await field.south.start()
        try await field.north.start()
        try check(claiming, at: field.south.plan.listen, "after a restart")
        try check(verifying, at: field.north.plan.listen, "the verification after a restart")
        #expect(try await field.south.status().ledger.accepted == 0)
    }

    /// Says it all again, and sees that nothing but refusals come back.
    private func check(_ parts: [[UInt8]], at port: UInt16, _ what: String) throws {
        let peer = try RawPeer(port: port, from: Battlefield.address(Int.random(in: 0..<10_000)), patience: 1.5)
        for part in parts { peer.send(part) }
        #expect(peer.takePreface())
        var answers: [UInt16: Int] = [:]
        var closed: RawPeer.Record?
        while let record = peer.record() {
            #expect(record.type != RawPeer.proof, "\(what) brought a proof")
            if record.type == RawPeer.close { closed = record }
            guard record.flags & RawPeer.Record.response != 0, let code = record.code else { continue }
            #expect(record.type == RawPeer.ping || code >= 4000, "\(what): \(record.type) was answered \(code)")
            answers[record.type] = code
        }
        let asks = parts.contains { [[0, 0x10], [0, 0x11], [0, 0x20]].contains($0.dropFirst(4).prefix(2)) }
        #expect(!answers.isEmpty || closed != nil || !asks, "\(what): nothing at all was answered")
        if parts.contains(where: { $0.dropFirst(4).prefix(2) == [0, 0x20] }) {
            #expect(answers[RawPeer.message] == 5005, "\(what): \(answers), \(String(describing: closed))")
        }
    }
}
