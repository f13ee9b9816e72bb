// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

package import struct NIOCore.ByteBuffer

/// What one node of a cluster says to another: a VERIFY for a token that names the other, or the answer to one.
///
/// On a stream it is u32 length | u8 version | u8 kind | u16 from | u16 to | u64 id | VERIFY's fields | 32 octets of MAC
/// under a key that only the nodes have. It is no part of IMX/1: no peer ever sees it.
package struct NodeMessage: Sendable, Hashable {
    /// What is said.
    package enum Body: Sendable, Hashable {
        /// Is this claim yours, and alive? Then prove it.
        case question(VerifyRecord)
        /// The proof is on its way, or there is none.
        case answer(Bool)
    }

    /// The longest message, its length not counted: a VERIFY holds at most two domains, a token and a secret.
    package static let limit = 1024

    package var from: UInt16
    package var to: UInt16
    /// Tells the questions of a node apart; its answer says it again.
    package var id: UInt64
    package var body: Body

    package init(from: UInt16, to: UInt16, id: UInt64, body: Body) {
        self.from = from
        self.to = to
        self.id = id
        self.body = body
    }

    private static let headSize = 14
    private static let macSize = 32

    /// The message with its length in front, under the cluster's `secret`.
    package func encoded(secret: Octets32) -> ByteBuffer {
        var message = ByteBuffer()
        let kind: UInt8 =
            switch body {
            case .question: 1
            case .answer(true): 2
            case .answer(false): 3
            }
        message.writeMultipleIntegers(UInt8(1), kind, from, to, id)
        if case .question(let verify) = body {
            var record = ByteBuffer()
            verify.write(to: &record, tag: 0)
            record.moveReaderIndex(forwardBy: RecordHeader.size)
            message.writeImmutableBuffer(record)
        }
        message.writeImmutableBuffer(Self.mac(message, secret).buffer)
        var framed = ByteBuffer()
        framed.writeInteger(UInt32(message.readableBytes))
        framed.writeImmutableBuffer(message)
        return framed
    }

    /// The next message in `stream`, which is taken from it; nil while it is not whole.
    ///
    /// - Throws: where the octets are not a message of a node of this cluster. Nothing can be read after that.
    package static func next(in stream: inout ByteBuffer, secret: Octets32) throws(IMXError) -> NodeMessage? {
        guard let length = stream.getInteger(at: stream.readerIndex, as: UInt32.self) else { return nil }
        guard length >= UInt32(headSize + macSize), length <= UInt32(limit) else {
            throw IMXError(.malformed, "a node's message has a wrong length")
        }
        guard stream.readableBytes >= 4 + Int(length) else { return nil }
        stream.moveReaderIndex(forwardBy: 4)
        guard var message = stream.readSlice(length: Int(length) - macSize),
            let shown = stream.readSlice(length: macSize).flatMap(Octets32.init),
            shown == mac(message, secret)
        else { throw IMXError(.notVerified, "a node's message does not have the cluster's key") }
        guard let head = message.readMultipleIntegers(as: (UInt8, UInt8, UInt16, UInt16, UInt64).self), head.0 == 1
        else { throw IMXError(.notUnderstood, "a node speaks another version") }
        let body: Body
        switch head.1 {
        case 1: body = .question(try VerifyRecord(payload: message))
        case 2: body = .answer(true)
        case 3: body = .answer(false)
        default: throw IMXError(.notUnderstood, "a node says something unknown")
        }
        return NodeMessage(from: head.2, to: head.3, id: head.4, body: body)
    }

    private static func mac(_ message: ByteBuffer, _ secret: Octets32) -> Octets32 {
        var input = labelled("IMX-db/1 node")
        input.appendPrefixed(message)
        return hmac(secret, input)
    }
}
