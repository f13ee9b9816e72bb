// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

/// The aggregator's configuration, checked as a whole.
package struct AggregatorConfiguration: Sendable {
    /// The file it was read from.
    package let file: String
    /// What this aggregator is called.
    package let name: String
    /// Where peers reach it.
    package let listen: [Endpoint]
    /// The directory of the database.
    package let stateDirectory: String
    /// The Unix socket of the control protocol.
    package let controlSocket: String
    /// How long work in flight may take after SIGTERM.
    package let stopWithin: Interval
    /// The least severity that is logged, a level of swift-log by name.
    package let logLevel: String
    /// Whether log lines are JSON.
    package let logsJSON: Bool
    /// Bounds on what the process holds.
    package let limits: Limits
    /// How long the process waits.
    package let timeouts: Timeouts
    /// Where the aggregators of foreign domains are.
    package let peers: [Domain: [Endpoint]]
    /// How the aggregators of other domains are found.
    package let dns: DNS
    /// Certificates.
    package let tls: TLS
    /// What this process is among several that serve the same domains; nil where it is alone.
    package let node: Node?
    /// Foreign domains that nothing is taken from.
    package let blocked: Set<Domain>
    /// Who may do what, in the order of the file.
    package let rules: [AccessRule]
    /// What is kept from flooding whom.
    package let spam: Spam
    /// The classes by name.
    package let classes: [String: DomainClass]
    /// The adapter instances in the order of the file.
    package let adapters: [AdapterSection]
    /// The hosted domains in the order of the file.
    package let domains: [HostedDomain]

    /// How the aggregators of other domains are found.
    package struct DNS: Sendable, Hashable {
        /// `system`, `recursive` or `off`.
        package let resolver: String
        /// Recursive servers in place of the system's.
        package let servers: [Endpoint]
        /// Authoritative servers of zones that are asked directly.
        package let zones: [Domain: [Endpoint]]
        /// The file that DNSSEC is checked from.
        package let trustAnchor: String?
        /// The port of a domain that has addresses and no other record.
        package let defaultPort: UInt16
        /// Special address ranges that records may lead to.
        package let allowedAddresses: [String]
        /// How often the hosted domains' own records are looked up; zero for never.
        package let watch: Interval
        /// Where others reach the listeners, where that is somewhere else.
        package let reachedAt: [Endpoint]
    }

    /// Certificates, ours and those of others.
    package struct TLS: Sendable, Hashable {
        /// The directory with our certificates.
        package let certificates: String?
        /// PEM files of private authorities.
        package let authorities: [String]
        /// Whether the system's authorities are believed.
        package let believesSystemAuthorities: Bool
        /// How often the certificate files are looked at.
        package let lookForChanges: Interval
    }

    /// One of several processes that serve the same domains.
    package struct Node: Sendable, Hashable {
        /// Its number.
        package let number: Int
        /// Where each of them listens.
        package let socketDirectory: String
        /// What they share.
        package let key: Secret

        package static func == (a: Node, b: Node) -> Bool {
            a.number == b.number && a.socketDirectory == b.socketDirectory && a.key.reveal() == b.key.reveal()
        }

        package func hash(into hasher: inout Hasher) {
            hasher.combine(number)
            hasher.combine(socketDirectory)
        }
    }

    /// Bounds on what the process holds.
    package struct Limits: Sendable, Hashable {
        /// Lanes at a time.
        package let lanes: Int
        /// Messages of one adapter without an outcome.
        package let submissions: Int
        /// Octets of all messages without an outcome.
        package let waitingOctets: Int
        /// Unanswered requests on one connection.
        package let inFlight: Int
        /// Octets of the largest record from a verified peer.
        package let recordSize: Int
        /// Connections from peers.
        package let connections: Int
        /// Connections from one network address.
        package let connectionsFromAddress: Int
        /// Connections from one network.
        package let connectionsFromNetwork: Int
        /// Connections on which one foreign domain is trusted.
        package let connectionsFromDomain: Int
        /// Connections from peers that have proved nothing.
        package let connectionsUnproved: Int
        /// New connections in a minute from one network address.
        package let newConnections: Int
        /// Connections to one peer service.
        package let connectionsToPeer: Int
        /// Message identifiers that are remembered.
        package let rememberedMessages: Int
        /// Outcomes that the database keeps.
        package let keptOutcomes: Int
    }

    /// How long the process waits.
    package struct Timeouts: Sendable, Hashable {
        /// For one try to open a connection.
        package let connect: Interval
        /// For the greetings.
        package let handshake: Interval
        /// Until a connection without traffic is closed.
        package let idle: Interval
        /// Until a silent peer is asked whether it is there.
        package let ping: Interval
        /// For the answer to that.
        package let pingAnswer: Interval
        /// Before the first new try to reach a peer.
        package let reconnect: Interval
        /// The longest pause between tries.
        package let reconnectMost: Interval
        /// How long a message identifier is remembered.
        package let repeatWindow: Interval
        /// How long a service may be away before its users are shown as not there.
        package let presenceGrace: Interval
    }

    /// Settings that domains share.
    package struct DomainClass: Sendable, Hashable {
        /// Its name.
        package let name: String
        /// `dialback`, `tls` or `certificate`.
        package let trust: String
        /// Octets of the largest message content.
        package let maxMessage: Int
        /// How long a message may wait.
        package let deadline: Interval
        /// The longest lease that a subscription to a user is granted (IMX 4.5.1).
        package let lease: Interval
        /// The shortest one.
        package let leastLease: Interval
        /// Messages without an outcome in one lane.
        package let laneMessages: Int
        /// Octets of those messages.
        package let laneOctets: Int
        /// Where others may complain about users of the class: a URI.
        package let contact: String?
        /// Foreign domains that rules and budgets count to the class.
        package let members: [Domain]
        /// What users of the class may send and get.
        package let budgets: Budgets
    }

    /// One adapter instance.
    package struct AdapterSection: Sendable {
        /// The instance's name.
        package let name: String
        /// The adapter's one word.
        package let kind: String
        /// The adapter's own settings, checked against its keys.
        package let settings: Settings
    }

    /// One hosted domain.
    package struct HostedDomain: Sendable, Hashable {
        /// The domain.
        package let domain: Domain
        /// The name of its class.
        package let className: String
        /// The name of its adapter instance.
        package let adapter: String
    }
}
