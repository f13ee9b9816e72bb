// SPDX-License-Identifier: Apache-2.0
import CLibCrypto
import Digests
package import Discovery

extension TLSARecord {
    /// Whether we know what it means; others are passed over (RFC 7671 §4.1).
    package var isUsable: Bool {
        guard usage <= 3, selector <= 1 else { return false }
        switch matching {
        case 0: return !association.isEmpty
        case 1: return association.count == 32
        case 2: return association.count == 64
        default: return false
        }
    }

    /// Whether it is about `certificate` (RFC 6698 §2.1.2, §2.1.3).
    func matches(_ certificate: X509Certificate) -> Bool {
        let octets = selector == 0 ? certificate.der : certificate.publicKey
        switch matching {
        case 0: return octets == association
        case 1: return Digests.sha256(octets) == association
        default: return sha512(octets) == association
        }
    }

    /// The authorities that a record of usage 2 names, found in what the peer sent, or in the record itself.
    func authorities(among certificates: some Collection<X509Certificate>) -> [X509Certificate] {
        let found = certificates.filter { matches($0) }
        if found.isEmpty, selector == 0, matching == 0, let own = X509Certificate(der: association) { return [own] }
        return Array(found)
    }
}

private func sha512(_ octets: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 64) { output, count in
        var written: UInt32 = 0
        count =
            EVP_Digest(octets, octets.count, output.baseAddress, &written, EVP_sha512(), nil) == 1 ? Int(written) : 0
    }
}
