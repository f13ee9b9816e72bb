// SPDX-License-Identifier: Apache-2.0
import Digests
import Foundation

/// The dial-back as the document has it (IMX-1 §6), for peers that use it, and for those that abuse it.
extension RawPeer {
    /// What identifies this connection to both its ends.
    var connectionID: [UInt8] { Self.connectionID(hellos.dialler, hellos.acceptor) }

    static func connectionID(_ dialler: [UInt8], _ acceptor: [UInt8]) -> [UInt8] {
        Digests.sha256(Array("IMX-db/1 conn".utf8) + [0] + prefixed(dialler) + prefixed(acceptor) + prefixed([]))
    }

    /// A proof, or with another label a confirmation.
    static func mac(
        _ label: String = "IMX-db/1 proof",
        secret: [UInt8],
        source: String,
        target: String,
        token: [UInt8],
        connection: [UInt8]
    ) -> [UInt8] {
        let input =
            Array(label.utf8) + [0] + prefixed(Array(source.utf8)) + prefixed(Array(target.utf8)) + prefixed(token)
        return Digests.hmacSHA256(key: secret, input + connection)
    }

    static func claimRecord(tag: UInt32, source: String, target: String, token: [UInt8]) -> Record {
        Record(
            type: claim,
            flags: Record.request,
            tag: tag,
            payload: field(0x0020, Array(source.utf8)) + field(0x0021, Array(target.utf8)) + field(0x0022, token)
        )
    }

    static func verifyRecord(tag: UInt32, source: String, target: String, token: [UInt8], secret: [UInt8]) -> Record {
        Record(
            type: verify,
            flags: Record.request,
            tag: tag,
            payload: field(0x0020, Array(source.utf8)) + field(0x0021, Array(target.utf8)) + field(0x0022, token)
                + field(0x0023, secret)
        )
    }

    static func proofRecord(source: String, target: String, proof: [UInt8]) -> Record {
        Record(
            type: Self.proof,
            payload: field(0x0020, Array(source.utf8)) + field(0x0021, Array(target.utf8)) + field(0x0024, proof)
        )
    }

    static func answerRecord(type: UInt16, tag: UInt32, code: UInt16, confirm: [UInt8]? = nil) -> Record {
        Record(
            type: type,
            flags: Record.response,
            tag: tag,
            payload: field(0x0120, big(code)) + (confirm.map { field(0x0025, $0) } ?? [])
        )
    }

    private static func prefixed(_ octets: [UInt8]) -> [UInt8] { big(UInt32(octets.count)) + octets }
}

extension RawPeer.Record {
    /// A field that is text.
    func text(_ id: UInt16) -> String? { field(id).map { String(decoding: $0, as: UTF8.self) } }
}
