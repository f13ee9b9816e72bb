// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

/// What answers where a hostile domain's records lead to. It counts who comes, and does with each what its script says.
///
/// Listens on one port of all loopback addresses. Each connection has a thread of its own, and is closed once the
/// script returns.
final class HostileServer: Sendable {
    /// A VERIFY that came.
    struct Verification: Sendable {
        var source: String
        var target: String
        var token: [UInt8]
        var secret: [UInt8]
    }

    let port: UInt16
    private let listener: Int32
    private let accepted = Mutex<Int>(0)
    private let verifications = Mutex<[Verification]>([])
    private let isOver = Mutex<Bool>(false)
    private let taken = Mutex<Int>(0)
    /// Where to ask whether a claim is true.
    let asksAt = Locked<UInt16>(0)

    /// Serves with `script`; by default it keeps every VERIFY for the test and answers it with 2000.
    init(_ script: @escaping @Sendable (HostileServer, RawPeer) -> Void = { $0.standByEverything($1) }) throws {
        port = try Ports.free()
        listener = try Loopback.listenEverywhere(port)
        let thread = Thread { [weak self, listener] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                guard let self, !self.isOver.withLock({ $0 }) else {
                    close(connection)
                    return
                }
                accepted.withLock { $0 += 1 }
                let worker = Thread { [weak self] in
                    let peer = RawPeer(accepted: connection, patience: 60)
                    if let self { script(self, peer) }
                }
                worker.stackSize = 256 << 10
                worker.start()
            }
        }
        thread.start()
    }

    deinit { stop() }

    /// Listens no more.
    func stop() {
        guard
            isOver.withLock({ isOver in
                defer { isOver = true }
                return !isOver
            })
        else { return }
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// How many connections have come.
    var connections: Int { accepted.withLock { $0 } }

    /// How many messages have come.
    var messages: Int { taken.withLock { $0 } }

    /// All that was asked so far.
    var asked: [Verification] { verifications.withLock { $0 } }

    func note(_ record: RawPeer.Record) {
        guard let source = record.text(0x0020), let target = record.text(0x0021), let token = record.field(0x0022),
            let secret = record.field(0x0023)
        else { return }
        let asked = Verification(source: source, target: target, token: token, secret: secret)
        verifications.withLock { $0.append(asked) }
    }

    /// The VERIFY with this token, for which it waits.
    func verification(of token: [UInt8], within seconds: Double = 60) -> Verification? {
        let end = Date().addingTimeInterval(seconds)
        while Date() < end {
            if let found = verifications.withLock({ $0.first { $0.token == token } }) { return found }
            usleep(5_000)
        }
        return nil
    }

    /// Greets, then answers each VERIFY with `code` and passes over all else, until the other side goes.
    func standByEverything(_ peer: RawPeer, code: UInt16 = 2000) {
        guard peer.welcome() != nil else { return }
        while let record = peer.record() {
            guard record.type == RawPeer.verify, record.flags & RawPeer.Record.request != 0 else { continue }
            note(record)
            peer.send(RawPeer.answerRecord(type: RawPeer.verify, tag: record.tag, code: code))
        }
    }
}

extension HostileServer {
    /// Plays the acceptor by all the rules, up to what becomes of a message: `fate` says the code, nil for no answer.
    /// `subscribed` says it of a wish to watch, by whom it is about.
    /// Before a claim is confirmed `atClaim` gets the domain that is claimed towards, and `atToken` the claim's token.
    func takeMessages(
        _ peer: RawPeer,
        atClaim: (String) -> Void = { _ in },
        atToken: ([UInt8]) -> Void = { _ in },
        subscribed: (String) -> UInt16? = { _ in nil },
        fate: (RawPeer.Record) -> UInt16?
    ) {
        guard peer.welcome() != nil else { return }
        while let record = peer.record() {
            switch record.type {
            case RawPeer.claim where record.flags & RawPeer.Record.request != 0:
                atToken(record.field(0x0022) ?? [])
                atClaim(record.text(0x0021) ?? "")
                take(record, on: peer)
            case RawPeer.ping where record.flags & RawPeer.Record.request != 0:
                peer.send(RawPeer.answerRecord(type: RawPeer.ping, tag: record.tag, code: 2000))
            case RawPeer.message where record.flags & RawPeer.Record.request != 0:
                noteMessage()
                guard let code = fate(record) else { continue }
                peer.send(RawPeer.answerRecord(type: RawPeer.message, tag: record.tag, code: code))
            case RawPeer.subscribe where record.flags & RawPeer.Record.request != 0:
                guard let code = subscribed(record.text(0x0101) ?? "") else { continue }
                peer.send(RawPeer.answerRecord(type: RawPeer.subscribe, tag: record.tag, code: code))
            default: break
            }
        }
    }

    /// Asks the claimed domain's server, and confirms.
    private func take(_ claim: RawPeer.Record, on peer: RawPeer) {
        guard let source = claim.text(0x0020), let target = claim.text(0x0021), let token = claim.field(0x0022),
            let leg = try? RawPeer.greeted(port: asksAt.value, dialled: source, from: "127.66.0.1")
        else { return }
        let secret = RawPeer.random(32)
        leg.send(RawPeer.verifyRecord(tag: 1, source: source, target: target, token: token, secret: secret))
        guard leg.answer(to: 1)?.code == 2000 else { return }
        let confirm = RawPeer.mac(
            "IMX-db/1 confirm",
            secret: secret,
            source: source,
            target: target,
            token: token,
            connection: peer.connectionID
        )
        peer.send(RawPeer.answerRecord(type: RawPeer.claim, tag: claim.tag, code: 2000, confirm: confirm))
    }

    private func noteMessage() { taken.withLock { $0 += 1 } }
}

extension RawPeer {
    /// Claims `source` for `target` by all the rules, the records of `source` leading to `server`; gives the answer.
    func claim(_ source: String, for target: String, tag: UInt32, at server: HostileServer) throws -> Record? {
        let token = Self.random(32)
        send(Self.claimRecord(tag: tag, source: source, target: target, token: token))
        guard let asked = server.verification(of: token) else { throw HarnessError("\(source): nobody asked") }
        let proof = Self.mac(
            secret: asked.secret,
            source: source,
            target: target,
            token: token,
            connection: connectionID
        )
        send(Self.proofRecord(source: source, target: target, proof: proof))
        return answer(to: tag)
    }
}
