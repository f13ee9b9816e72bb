// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import NIOCore

/// A request to send.
struct Request {
    let type: RecordType
    let content: ByteBuffer

    static let types: [RecordType] = [.message, .report, .subscribe, .notify, .get, .claim, .verify]
    static let alice = AddressField(ByteBuffer(string: "alice@a.example")) ?? AddressField(nobody)
    static let bob = AddressField(ByteBuffer(string: "bob@b.example")) ?? AddressField(nobody)
    private static let nobody = Address(uncheckedLocalPart: ByteBuffer(string: "n"), domain: someDomain)

    private static var someDomain: Domain {
        // A constant that is a domain; there is no way to it that says so.
        guard let domain = Domain("a.example") else { fatalError("a.example is no domain") }
        return domain
    }

    var octetCount: Int { content.readableBytes }

    /// Whether only the acceptor takes it.
    var isForAcceptor: Bool { type == .claim || type == .verify }

    func send(on machine: inout ConnectionMachine, cookie: UInt64, now: Instant) -> SendResult {
        let id = ByteBuffer(string: "id")
        switch type {
        case .report:
            let text = content.getSlice(at: content.readerIndex, length: min(content.readableBytes, 1024))
            let report = ReportRecord(from: Self.bob, to: Self.alice, about: id, code: .delivered, text: text)
            return machine.send(report: report, cookie: cookie, now: now)
        case .subscribe:
            let subscribe = SubscribeRecord(watcher: Self.alice, target: Self.bob, duration: 60, subscriptID: id)
            return machine.send(subscribe: subscribe, cookie: cookie, now: now)
        case .notify:
            let notify = NotifyRecord(
                presentity: Self.bob,
                watcher: Self.alice,
                subscriptID: id,
                state: .active,
                sequence: 1,
                mime: content.readableBytes > 0 ? content : nil
            )
            return machine.send(notify: notify, cookie: cookie, now: now)
        case .get:
            let get = GetRecord(requester: .user(Self.alice), subject: .user(Self.bob), keys: [])
            return machine.send(get: get, cookie: cookie, now: now)
        case .claim: return machine.send(claim: Self.claim, cookie: cookie, now: now)
        case .verify:
            let verify = VerifyRecord(
                source: Self.claim.source,
                target: Self.claim.target,
                token: Self.claim.token,
                secret: ByteBuffer(repeating: 2, count: VerifyRecord.secretSize)
            )
            return machine.send(verify: verify, cookie: cookie, now: now)
        default:
            let message = MessageRecord(
                from: Self.alice,
                to: Self.bob,
                messageID: id,
                mime: content.readableBytes > 0 ? content : nil
            )
            return machine.send(message: message, cookie: cookie, now: now)
        }
    }

    private static let claim = ClaimRecord(
        source: ByteBuffer(string: "a.example"),
        target: ByteBuffer(string: "b.example"),
        token: ByteBuffer(repeating: 1, count: 32)
    )

    static let proof = ProofRecord(
        source: claim.source,
        target: claim.target,
        proof: ByteBuffer(repeating: 3, count: ProofRecord.proofSize)
    )

    static let redirect = RedirectRecord(
        domain: claim.target,
        host: ByteBuffer(string: "front2.b.example"),
        port: 5290,
        seconds: 60,
        scope: .all
    )
}
