// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

/// How names are looked up.
package struct DNSSettings: Sendable, Hashable {
    /// Whom to ask.
    package enum Upstream: Sendable, Hashable {
        /// The servers that /etc/resolv.conf names.
        case system
        /// The internet's own servers, from the root on.
        case recursive
        /// These recursive servers.
        case servers([Server])
    }

    /// A name server.
    package struct Server: Sendable, Hashable {
        /// Its numeric address.
        package let address: String
        /// Its port.
        package let port: UInt16

        /// Makes a server's place.
        package init(address: String, port: UInt16 = 53) {
            self.address = address
            self.port = port
        }
    }

    /// A zone whose authoritative servers are asked directly.
    package struct Zone: Sendable, Hashable {
        /// Its name; `.` is the root.
        package let name: String
        /// Its servers.
        package let servers: [Server]

        /// Makes a zone.
        package init(name: String, servers: [Server]) {
            self.name = name
            self.servers = servers
        }
    }

    /// Whom to ask.
    package var upstream: Upstream = .system
    /// Zones that go elsewhere. Without a trust anchor of their own, at or above them but below the root, their
    /// answers count as unsigned; the internet's signatures know nothing of them.
    package var zones: [Zone] = []
    /// A file with DS or DNSKEY lines. Without one, and without ``trustAnchors``, the root's key is what the system
    /// has in /usr/share/dns/root.key, else the one built in.
    package var trustAnchorFile: String?
    /// DS or DNSKEY lines.
    package var trustAnchors: [String] = []
    /// Whether signatures are checked at all; without, every answer counts as unsigned.
    package var checksSignatures = true
    /// Whether name servers on this machine's loopback addresses may be asked.
    package var asksLoopbackServers = true
    /// The port of a domain that has addresses and no other record.
    package var defaultPort: UInt16 = 5290
    /// Bounds.
    package var limits = Limits()

    /// Makes the settings that hold without any.
    package init() {}

    /// Bounds on what one domain, and all of them, can make the resolver do and hold.
    package struct Limits: Sendable, Hashable {
        /// Records of one answer that are read; the rest is left out.
        package var recordsPerAnswer = 512
        /// Aliases in a row that are followed.
        package var aliases = 8
        /// Hosts of one service; those tried last are left out.
        package var hosts = 16
        /// Addresses of one host and family.
        package var addresses = 8
        /// Questions of one look-up.
        package var questions = 56
        /// The time for one look-up.
        package var time = Interval.seconds(5)
        /// The least and the most seconds that an answer is kept. An answer with a time to live of 0 is used once.
        package var positiveSeconds: ClosedRange<UInt32> = 5...3600
        /// The same for the answer that a domain is not on the network.
        package var negativeSeconds: ClosedRange<UInt32> = 30...900
        /// Seconds that a failure is kept.
        package var failureSeconds: UInt32 = 10
        /// Answers that are kept, of found domains and of others each.
        package var keptAnswers = 10_000
        /// Look-ups at a time.
        package var lookups = 256
        /// Callers that wait for one look-up.
        package var waiters = 4096
        /// Look-ups below one zone: at once, and each second after.
        package var perZone = Rate(burst: 64, perSecond: 8)
        /// Look-ups in all: at once, and each second after.
        package var inAll = Rate(burst: 1000, perSecond: 200)

        /// Makes the bounds that hold without settings.
        package init() {}
    }

    /// How often something may happen.
    package struct Rate: Sendable, Hashable {
        /// How often at once.
        package var burst: Int
        /// How often each second after that.
        package var perSecond: Int

        /// Makes a rate.
        package init(burst: Int, perSecond: Int) {
            self.burst = burst
            self.perSecond = perSecond
        }
    }
}

/// Settings that cannot hold.
package struct DNSSettingsError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong, for people.
    package let description: String
}

/// Which of a domain's services is looked for.
package enum ServicePurpose: Sendable, Hashable {
    /// Where messages go.
    case messages
    /// Where presence is.
    case presence

    /// The label in front of `_imx` (RFC 3861 §4).
    var label: String {
        switch self {
        case .messages: "_im"
        case .presence: "_pres"
        }
    }
}
