// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

/// What a look-up of a domain found.
package enum Resolution: Sendable, Hashable {
    /// The domain is served there.
    case service(PeerService)
    /// The domain is not on the network, for certain: no such name, or it says so itself.
    case notFound(String)
    /// It could not be found out now; the reason is for people.
    case unavailable(String)
    /// The answers carry signatures that do not hold, or cannot be read. Nothing they say is used.
    case bogus(String)
}

/// Finds the aggregators of foreign domains. The answer is what outgoing trust rests on (IMX 6.3).
package protocol PeerResolver: AnyObject {
    /// Looks `domain` up and calls `completion` once, now or later, on the loop.
    func resolve(_ domain: Domain, _ completion: @escaping (Resolution) -> Void)

    /// Drops what is remembered about `domain`, so that the next look-up asks anew.
    func forget(_ domain: Domain)
}
