// SPDX-License-Identifier: Apache-2.0
import CLibCrypto

/// The digests that the protocols ask for, computed by OpenSSL's libcrypto.
package enum Digests {
    /// SHA-256 of `octets` (FIPS 180-4): 32 octets.
    package static func sha256(_ octets: [UInt8]) -> [UInt8] { digest(octets, EVP_sha256(), size: 32) }

    /// SHA-1 of `octets` (FIPS 180-4): 20 octets. Only for protocols that prescribe it; it resists no collisions.
    package static func sha1(_ octets: [UInt8]) -> [UInt8] { digest(octets, EVP_sha1(), size: 20) }

    /// HMAC-SHA-256 of `octets` under `key` (RFC 2104): 32 octets.
    package static func hmacSHA256(key: [UInt8], _ octets: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 32) { output, count in
            var size: UInt32 = 0
            let result = HMAC(
                EVP_sha256(),
                key,
                Int32(clamping: key.count),
                octets,
                octets.count,
                output.baseAddress,
                &size
            )
            precondition(result != nil && size == 32, "libcrypto has no HMAC-SHA-256")
            count = 32
        }
    }

    private static func digest(_ octets: [UInt8], _ algorithm: OpaquePointer?, size: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: size) { output, count in
            var written: UInt32 = 0
            let result = EVP_Digest(octets, octets.count, output.baseAddress, &written, algorithm, nil)
            precondition(result == 1 && written == size, "libcrypto has no such digest")
            count = size
        }
    }
}
