// SPDX-License-Identifier: Apache-2.0
import Digests

/// The proof of the shared secret on a component link (XEP-0114 §3).
enum Handshake {
    /// The lower-case hexadecimal SHA-1 of the stream's identifier, after XML unescaping, followed by the secret.
    static func proof(streamID: String, secret: String) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for octet in Digests.sha1(Array(streamID.utf8) + Array(secret.utf8)) {
            text.append(digits[Int(octet >> 4)])
            text.append(digits[Int(octet & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
