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
    /// The most connections that one address may hold open to here.
    package var connectionsPerAddress = 64

    /// The most connections to one peer service; a further one is made only where it helps.
    package var connectionsPerPeer = 2

    /// Over how much time those spread that a peer has sent to another host.
    package var spread = Interval.milliseconds(500)

    /// Makes settings.
    package init(serverID: ServerID, software: String = "imx-aggregator") {
        self.serverID = serverID
        self.software = software
    }
}
