// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

/// Which end of a connection this is.
package enum ConnectionRole: Sendable, Hashable {
    /// This end opened the connection, to an address that it found itself.
    case dialler
    /// This end took the connection.
    case acceptor
}

/// What bounds a connection. The defaults are those of the IMX/1 specification.
package struct ConnectionSettings: Sendable, Hashable {
    /// The largest payload that is taken once the connection is authenticated. At most ``recordCap``.
    package var maxRecord: UInt32 = HelloRecord.defaultMaxRecord
    /// The most unanswered requests that are taken.
    package var maxInflight: UInt32 = HelloRecord.defaultMaxInflight
    /// The seconds without traffic after which this end closes; published in HELLO.
    package var idleSeconds: UInt32 = 300
    /// How long the peer may take for its preface and HELLO, for any one record before it is authenticated, and, where
    /// it connected to here, until it is authenticated. Time in which it waits for an answer does not count for the last.
    package var handshake = Interval.seconds(10)
    /// How long an unauthenticated connection to here may last in all.
    package var unauthenticatedTime = Interval.seconds(60)
    /// How long an unauthenticated connection may be idle that this end made, or that verifies a claim of this end.
    package var unauthenticatedIdle = Interval.seconds(60)
    /// How long a record of an authenticated peer may take, and a second more for each 16 KiB of it.
    package var record = Interval.seconds(30)
    /// The silence after which the peer is asked whether it is still there.
    package var pingAfter = Interval.seconds(30)
    /// How long the answer to a ping may take.
    package var pingTimeout = Interval.seconds(20)
    /// How long work in flight may take to end once this end wants to close.
    package var drain = Interval.seconds(30)
    /// How long the peer's CLOSE may take once ours is sent.
    package var closeTimeout = Interval.seconds(10)
    /// The largest payload before the connection is authenticated.
    package var unauthenticatedRecord: UInt32 = 16_384
    /// The most records before the connection is authenticated.
    package var unauthenticatedRecords = 64
    /// The most octets that are taken before the connection is authenticated.
    package var unauthenticatedOctets = 16_384
    /// Whether records and fields without a meaning are sent now and then, so that peers stay used to them.
    package var grease = true

    /// The largest payload that anybody may advertise: 16 MiB.
    package static let recordCap: UInt32 = 16_777_216

    package init() {}
}

/// What a connection has counted.
package struct ConnectionCounters: Sendable, Hashable {
    package var recordsIn = 0
    package var octetsIn = 0
    /// Records of unknown type that were passed over.
    package var unknownRecords = 0
    /// Records that were refused for what they said.
    package var refusedRecords = 0
    /// Answers to nothing that was asked, and records with flags that contradict each other.
    package var strayRecords = 0
    /// Answers that came after the request was given up.
    package var lateAnswers = 0
    /// All records that move nothing forward: the above, and PING.
    package var idleRecords = 0

    package init() {}
}
