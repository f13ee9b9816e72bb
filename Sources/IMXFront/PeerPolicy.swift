// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel
package import TransportSecurity

/// What a domain has shown of itself.
package struct ShownTrust: Sendable, Hashable {
    /// The highest level that it has reached.
    package let level: TrustLevel
    /// When it first did.
    package let since: WallTime

    /// Notes a level and a time.
    package init(level: TrustLevel, since: WallTime) {
        self.level = level
        self.since = since
    }
}

/// What configuration and memory say about peers. The front asks at the moment when an answer counts, so that a change
/// of the configuration needs no word to it.
package struct PeerPolicy {
    /// The least level of trust that a domain hosted here asks of a peer's domain.
    package var requiredTrust: (_ hosted: Domain, _ peer: Domain) -> TrustLevel
    /// What a peer's domain has shown of itself before; less is not taken from it.
    package var shownTrust: (_ peer: Domain) -> ShownTrust?
    /// Takes note of the level that a peer's domain has reached. Whether it is stronger than it was known to be.
    package var noteTrust: (_ peer: Domain, TrustLevel) -> Bool
    /// Why a numeric address that did not come from our configuration is not connected to; nil where it may be.
    package var addressRefusal: (_ address: String, _ port: UInt16) -> String?
    /// Whether nothing is taken from a peer's domain.
    package var isBlocked: (_ peer: Domain) -> Bool
    /// The time by which certificates are judged.
    package var wallTime: () -> WallTime

    /// Makes a policy; what is not given asks for nothing and refuses nothing.
    package init(
        requiredTrust: @escaping (_ hosted: Domain, _ peer: Domain) -> TrustLevel = { _, _ in .dialback },
        shownTrust: @escaping (_ peer: Domain) -> ShownTrust? = { _ in nil },
        noteTrust: @escaping (_ peer: Domain, TrustLevel) -> Bool = { _, _ in false },
        addressRefusal: @escaping (_ address: String, _ port: UInt16) -> String? = { _, _ in nil },
        isBlocked: @escaping (_ peer: Domain) -> Bool = { _ in false },
        wallTime: @escaping () -> WallTime
    ) {
        self.requiredTrust = requiredTrust
        self.shownTrust = shownTrust
        self.noteTrust = noteTrust
        self.addressRefusal = addressRefusal
        self.isBlocked = isBlocked
        self.wallTime = wallTime
    }
}
