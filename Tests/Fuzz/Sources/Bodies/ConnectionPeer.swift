// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import NIOCore

/// A peer that says records, most of them well framed, few of them wise.
struct ConnectionPeer {
    /// The preface and a HELLO that is taken.
    let opening: ByteBuffer
    /// What is left of a record of which a part was said.
    private var unsaid = ByteBuffer()

    init(role: ConnectionRole) {
        var out = ByteBuffer()
        out.writeInteger(Preface.value)
        let hello = HelloRecord(
            serverID: ServerID(high: 1, low: 0),
            nonce: ConnectionNonce(1, 1, 2, 3),
            dialled: role == .acceptor ? ByteBuffer(string: "b.example") : nil
        )
        hello.write(to: &out)
        opening = out
    }

    private static let types: [UInt16] = [
        0x20, 0x01, 0x02, 0x03, 0x04, 0x10, 0x11, 0x12, 0x21, 0x30, 0x31, 0x40, 0x41, 0x1A1A, 0x0777, 0x8777,
    ]

    /// A record with any type, flags, tag and payload whose length is right.
    func record(_ input: inout FuzzInput) -> ByteBuffer {
        let type = input.pick(Self.types) ?? 0
        let flags = input.octet()
        let tag = input.octet()
        if flags & 0x80 != 0 { return good(type, flags & 0x0B, UInt32(tag)) }
        let payload = input.piece()
        var out = ByteBuffer()
        out.writeMultipleIntegers(UInt32(payload.readableBytes), type, flags, UInt8(0), UInt32(tag))
        out.writeImmutableBuffer(payload)
        return out
    }

    /// A record that says something that its type allows, with flags of the input's choice.
    private func good(_ type: UInt16, _ flags: UInt8, _ tag: UInt32) -> ByteBuffer {
        var out = ByteBuffer()
        let id = ByteBuffer(string: "id")
        switch RecordType(rawValue: type) {
        case .close:
            let lastTag: UInt32 = flags & 1 == 0 ? CloseRecord.draining : tag
            CloseRecord(code: flags & 2 == 0 ? .delivered : .refused, lastTag: lastTag).write(to: &out)
            return out
        case .subscribe:
            SubscribeRecord(watcher: Request.alice, target: Request.bob, duration: 0, subscriptID: id)
                .write(to: &out, tag: tag)
        case .report:
            ReportRecord(from: Request.bob, to: Request.alice, about: id, code: .delivered).write(to: &out, tag: tag)
        case .proof: Request.proof.write(to: &out)
        case .redirect: Request.redirect.write(to: &out)
        case .ping: out.endRecord(at: out.beginRecord(.ping, .request, tag: tag))
        default: MessageRecord(from: Request.alice, to: Request.bob, messageID: id).write(to: &out, tag: tag)
        }
        out.setInteger(flags, at: out.readerIndex + 6)
        return out
    }

    /// An answer to one of the requests that were sent, or nearly so.
    func answer(_ input: inout FuzzInput, _ tags: [UInt32]) -> ByteBuffer {
        var out = ByteBuffer()
        let tag = (input.pick(tags) ?? 0) &+ (input.octet() == 0xFF ? 1 : 0)
        input.answer().write(to: &out, answering: input.pick(Request.types) ?? .message, tag: tag)
        return out
    }

    /// The beginning of a record; ``rest()`` is its end.
    mutating func split(_ input: inout FuzzInput) -> ByteBuffer {
        var whole = unsaid
        whole.writeImmutableBuffer(record(&input))
        let said = whole.readSlice(length: min(whole.readableBytes, 1 + input.number(below: 64))) ?? ByteBuffer()
        unsaid = ByteBuffer(bytes: whole.readableBytesView)
        return said
    }

    mutating func rest() -> ByteBuffer {
        defer { unsaid = ByteBuffer() }
        return unsaid
    }
}
