// SPDX-License-Identifier: Apache-2.0
import CLibCrypto
import NIOCore
import Synchronization

/// The exporter secret of one TLS 1.3 connection, taken from the lines that BoringSSL logs about its keys.
///
/// NIOSSL has no call for keying material. Its key log has the one secret that is needed (RFC 8446 §7.5); the log
/// belongs to a context, and each connection has a context of its own, so no line can be taken for another's.
final class ExporterSecret: Sendable {
    private let secret = Mutex<[UInt8]?>(nil)

    /// Takes a line of the key log; only the exporter's is kept.
    func take(line: ByteBuffer) {
        let words = line.readableBytesView.split(whereSeparator: { $0 == UInt8(ascii: " ") || $0 == 10 })
        guard words.count == 3, words[0].elementsEqual("EXPORTER_SECRET".utf8) else { return }
        let value = octets(hexadecimal: words[2])
        secret.withLock { $0 = value }
    }

    /// The channel binding, and forgets the secret; nil before the end of a handshake, and before TLS 1.3, where an
    /// exporter is only as good as an extension that is not shown to us (RFC 9266 §3).
    func takeChannelBinding() -> ByteBuffer? {
        let taken = secret.withLock { secret in
            defer { secret = nil }
            return secret
        }
        return taken.flatMap(channelBinding(exporterSecret:)).map { ByteBuffer(bytes: $0) }
    }

    private func octets(hexadecimal text: some Collection<UInt8>) -> [UInt8]? {
        var octets: [UInt8] = []
        var high: UInt8?
        for character in text {
            guard let digit = Character(Unicode.Scalar(character)).hexDigitValue else { return nil }
            if let first = high {
                octets.append(first << 4 | UInt8(digit))
                high = nil
            } else {
                high = UInt8(digit)
            }
        }
        return high == nil ? octets : nil
    }
}

// RFC 9266 §3: the label is EXPORTER-Channel-Binding, the context is empty, the length is 32.
/// `tls-exporter` from the exporter secret of TLS 1.3; the secret's length tells the digest of the cipher suite.
func channelBinding(exporterSecret secret: [UInt8]) -> [UInt8]? {
    guard let digest = secret.count == 32 ? EVP_sha256() : secret.count == 48 ? EVP_sha384() : nil else { return nil }
    var size: UInt32 = 0
    let empty = [UInt8](unsafeUninitializedCapacity: secret.count) { output, count in
        count = EVP_Digest(nil, 0, output.baseAddress, &size, digest, nil) == 1 ? Int(size) : 0
    }
    // RFC 8446 §7.5
    let derived = expand(secret, label: "EXPORTER-Channel-Binding", context: empty, length: secret.count, digest)
    return derived.flatMap { expand($0, label: "exporter", context: empty, length: 32, digest) }
}

/// HKDF-Expand-Label (RFC 8446 §7.1) of at most one block of the digest (RFC 5869 §2.3).
private func expand(
    _ secret: [UInt8],
    label: String,
    context: [UInt8],
    length: Int,
    _ digest: OpaquePointer
) -> [UInt8]? {
    let label = Array("tls13 ".utf8) + Array(label.utf8)
    var input = [UInt8(length >> 8), UInt8(length & 255)]
    input += [UInt8(clamping: label.count)] + label
    input += [UInt8(clamping: context.count)] + context
    input.append(1)
    var size: UInt32 = 0
    let output = [UInt8](unsafeUninitializedCapacity: secret.count) { output, count in
        let result = HMAC(digest, secret, Int32(secret.count), input, input.count, output.baseAddress, &size)
        count = result == nil ? 0 : Int(size)
    }
    return output.count >= length ? Array(output.prefix(length)) : nil
}
