// SPDX-License-Identifier: Apache-2.0

/// Which addresses DNS answers may lead to: what a stranger publishes must not make us reach into our own network.
///
/// It judges the very address that is connected to, at that moment, so that no later answer can replace what was
/// checked (S06, S50).
package struct AddressPolicy: Sendable, Hashable {
    /// A place that is refused always.
    package struct Listener: Sendable, Hashable {
        let address: NumericAddress
        let port: UInt16

        /// Makes a listener's place; nil where `address` is not numeric.
        package init?(address: String, port: UInt16) {
            guard let address = NumericAddress(address) else { return nil }
            self.address = address.embedded ?? address
            self.port = port
        }
    }

    private let allowed: [AddressRange]
    private let listeners: Set<Listener>

    /// Makes a policy.
    ///
    /// - Parameters:
    ///   - allowed: The special ranges that may be reached all the same.
    ///   - listeners: Our own places, which are never dialled. Where a listener is bound to all addresses, the
    ///     addresses of the machine's interfaces are to be given one by one.
    package init(allowed: [AddressRange] = [], listeners: some Sequence<Listener> = []) {
        self.allowed = allowed
        self.listeners = Set(listeners)
    }

    /// Why `address` must not be connected to, for people; nil where it may be.
    ///
    /// For what the DNS said. Configured peers are the operator's own word, names among them, and are not asked about.
    package func refusal(of address: String, port: UInt16) -> String? {
        guard let numeric = NumericAddress(address) else { return "\(address.prefix(64)) is no numeric address" }
        if port == 0 { return "port 0 cannot be connected to" }
        // Transitional forms are judged by the IPv4 address that packets will reach.
        let judged = numeric.embedded ?? numeric
        if listeners.contains(where: { $0.address == judged && $0.port == port }) {
            return "\(address) port \(port) is this aggregator itself"
        }
        if allowed.contains(where: { $0.contains(numeric) || $0.contains(judged) }) { return nil }
        if let special = SpecialRanges.name(of: judged) { return "\(address) is a \(special) address" }
        return nil
    }
}

extension NumericAddress {
    /// The IPv4 address that an IPv6 address of a transition mechanism stands for.
    var embedded: NumericAddress? {
        for (range, offset) in SpecialRanges.embedding where range.contains(self) {
            return NumericAddress(octets: Array(octets[offset..<offset + 4]))
        }
        return nil
    }
}

/// A range of addresses: `10.0.0.0/8`, `fd00::/8`, or one address.
package struct AddressRange: Sendable, Hashable, CustomStringConvertible {
    private let base: NumericAddress
    private let length: Int

    /// The range that `text` writes; nil where it writes none.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let base = NumericAddress(String(first)) else { return nil }
        let longest = base.octets.count * 8
        guard parts.count == 2 else {
            self.init(base: base, length: longest)
            return
        }
        guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let length = Int(parts[1]),
            (0...longest).contains(length)
        else { return nil }
        self.init(base: base, length: length)
    }

    private init(base: NumericAddress, length: Int) {
        self.base = base
        self.length = length
    }

    /// Whether `address` is in the range; one of the other family never is.
    package func contains(_ address: NumericAddress) -> Bool {
        guard address.octets.count == base.octets.count else { return false }
        let whole = length / 8
        guard address.octets[..<whole] == base.octets[..<whole] else { return false }
        let bits = length % 8
        guard bits > 0 else { return true }
        return (address.octets[whole] ^ base.octets[whole]) >> (8 - bits) == 0
    }

    /// The range in its usual form.
    package var description: String { "\(base)/\(length)" }
}
