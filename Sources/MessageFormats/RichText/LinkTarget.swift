// SPDX-License-Identifier: Apache-2.0

/// Where a link may lead.
enum LinkTarget {
    /// The schemes that a reader's program may open; everything else is a way to run something.
    static let schemes: Set<String> = ["http", "https", "mailto", "im", "pres", "xmpp", "tel"]
    /// The most octets of a target as it is written, `&` counting as the five of `&amp;`.
    static let maximum = 2_048

    /// The target in the form in which it is written; nil where a link may not lead there.
    static func canonical(_ written: String) -> String? {
        // What user agents pass over when they read a target, and an attacker hides a scheme with.
        let scalars = written.unicodeScalars.filter { $0 != "\t" && $0 != "\n" && $0 != "\r" }
        var rest = scalars[...].drop { $0.value <= 0x20 }
        while let last = rest.last, last.value <= 0x20 { rest.removeLast() }
        guard rest.count <= maximum, let colon = rest.firstIndex(of: ":") else { return nil }
        let scheme = String(rest[..<colon]).lowercased()
        guard schemes.contains(scheme) else { return nil }
        let after = rest[rest.index(after: colon)...]
        guard isComplete(scheme, after) else { return nil }
        var target = scheme + ":"
        for scalar in after { append(scalar, to: &target) }
        let length = target.utf8.reduce(0) { $0 + ($1 == UInt8(ascii: "&") ? 5 : 1) }
        return length <= maximum ? target : nil
    }

    /// Whether something stands where the scheme needs it.
    private static func isComplete(_ scheme: String, _ rest: Substring.UnicodeScalarView) -> Bool {
        guard scheme.hasPrefix("http") else { return !rest.isEmpty }
        guard rest.starts(with: "//".unicodeScalars), let host = rest.dropFirst(2).first else { return false }
        return !"/?#".unicodeScalars.contains(host)
    }

    /// RFC 3986 §2.1, RFC 3987 §2.2: what may not stand in a target is percent-encoded.
    private static func append(_ scalar: Unicode.Scalar, to target: inout String) {
        guard !mayStand(scalar) else {
            target.unicodeScalars.append(scalar)
            return
        }
        for octet in String(scalar).utf8 {
            let digits = String(octet, radix: 16, uppercase: true)
            target += octet < 16 ? "%0\(digits)" : "%\(digits)"
        }
    }

    private static func mayStand(_ scalar: Unicode.Scalar) -> Bool {
        guard !scalar.isASCII else {
            return scalar.value > 0x20 && scalar.value < 0x7F && !"\"<>\\^`{|}".unicodeScalars.contains(scalar)
        }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            return false
        default: return true
        }
    }
}
