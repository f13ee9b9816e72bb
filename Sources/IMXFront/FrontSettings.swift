// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel
package import IMXWire

/// The settings of the front.
package struct FrontSettings: Sendable {
    /// This process.
    package var serverID: ServerID
    /// What the greeting names as our software; empty for nothing.
    package var software: String
    /// The bounds of every connection.
    package var connection = ConnectionSettings()
    /// The times and numbers of the dial-back.
    package var dialback = DialbackLimits()
    /// The pauses between tries to reach a peer.
    package var backOff = BackOff()
    /// How long a try to connect may take.
    package var connectTimeout = Interval.seconds(5)
    /// How long a peer may leave all requests that are out without an answer before the connection is given up.
    package var answerPatience = Interval.seconds(90)
    /// Whether a certificate of ours is shown on connections that we dial, for which a peer may trust us unasked.
    package var showsCertificate = false
    /// Whether peers can come here by TLS. Where they cannot, what one has shown elsewhere does not bind how it comes.
    package var takesTLS = true
    /// What this process is in a cluster of nodes that serve the same domains; nil where it is alone.
    package var node: NodeIdentity?
    /// Which connections to here are taken.
    package var admission = AdmissionLimits()
    /// The most pairs of domains that a peer may be trusted for on one connection.
    package var pairsPerConnection = 16_384
    /// How long a peer may leave what we write unread before the connection is given up.
    package var readPatience = Interval.seconds(30)
    /// The most octets that a peer may leave unread.
    package var unreadOctets = 1 << 20

    /// The most connections to one peer service; a further one is made only where it helps.
    package var connectionsPerPeer = 2

    /// Over how much time those spread that a peer has sent to another host.
    package var spread = Interval.milliseconds(500)

    /// One of several processes that serve the same domains.
    package struct NodeIdentity: Sendable {
        /// The node's number, which no other node of the cluster has.
        package let number: UInt16
        /// What the nodes share and nobody else has.
        package let secret: Octets32

        package init(number: UInt16, secret: Octets32) {
            self.number = number
            self.secret = secret
        }
    }

    /// Makes settings.
    package init(serverID: ServerID, software: String = "imx-aggregator") {
        self.serverID = serverID
        self.software = software
    }
}
