// SPDX-License-Identifier: Apache-2.0

/// How well a peer has proved that it speaks for a domain; each level contains the ones before it (IMX 6.1.3).
package enum TrustLevel: UInt8, Sendable, Hashable, Comparable, CaseIterable {
    /// Dial-back over plain TCP: as good as the DNS and the network between.
    case dialback = 0
    /// Dial-back with both of its connections encrypted; nobody has vouched for the keys.
    case tls = 1
    /// The server's certificate for the domain was verified on the connection that we dialled: by a public or private
    /// authority, or by DANE.
    case certificate = 2

    package static func < (a: TrustLevel, b: TrustLevel) -> Bool { a.rawValue < b.rawValue }

    /// The word in configuration and reports.
    package var word: String {
        switch self {
        case .dialback: "dialback"
        case .tls: "tls"
        case .certificate: "certificate"
        }
    }
}
