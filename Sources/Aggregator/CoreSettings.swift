// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

/// The bounds of a lane. A lane that is full answers "try later"; it never grows and never blocks another lane.
public struct LaneLimits: Sendable, Hashable {
    /// The most envelopes that may be unsettled at a time.
    public var messages: Int
    /// The most octets that they may have together.
    public var octets: Int

    /// Makes bounds.
    public init(messages: Int = 4096, octets: Int = 8 << 20) {
        self.messages = messages
        self.octets = octets
    }
}

/// The settings that many domains share. A domain is a row that points at its class.
public struct DomainClass: Sendable, Hashable {
    /// The class's name in the configuration.
    public var name: String
    /// The longest that an envelope of the class may wait for its outcome (IMX-1, deadlines: 30 s for a message).
    public var deadline: Interval
    /// The most octets of content.
    public var maximumMessageOctets: Int
    /// The shortest and the longest lease that a subscription to the class's users is granted, in seconds (IMX 4.5.1).
    public var lease: ClosedRange<UInt32>
    /// The bounds of the class's lanes.
    public var laneLimits: LaneLimits

    /// Makes a class.
    public init(
        name: String = "default",
        deadline: Interval = .seconds(30),
        maximumMessageOctets: Int = 64 << 10,
        lease: ClosedRange<UInt32> = 60...1_800,
        laneLimits: LaneLimits = LaneLimits()
    ) {
        self.name = name
        self.lease = lease
        self.deadline = deadline
        self.maximumMessageOctets = maximumMessageOctets
        self.laneLimits = laneLimits
    }
}

/// The settings of the core as a whole.
public struct CoreSettings: Sendable {
    /// The aggregator's name in logs.
    public var name: String
    /// This process.
    public var serverID: ServerID
    /// The most lanes at a time; idle ones are given up for new ones.
    public var maximumLanes: Int
    /// The most unsettled submissions of one adapter before it is paused; it resumes at half.
    public var submissionWindow: Int
    /// The most octets that all unsettled envelopes may have together; more are answered "try later".
    public var maximumWaitingOctets: Int
    /// The grain of the deadline timer: an envelope expires at most this much late.
    public var deadlineGrain: Interval

    /// Makes settings.
    public init(
        name: String,
        serverID: ServerID,
        maximumLanes: Int = 100_000,
        submissionWindow: Int = 16_384,
        maximumWaitingOctets: Int = 256 << 20,
        deadlineGrain: Interval = .milliseconds(100)
    ) {
        self.name = name
        self.serverID = serverID
        self.maximumLanes = maximumLanes
        self.submissionWindow = submissionWindow
        self.maximumWaitingOctets = maximumWaitingOctets
        self.deadlineGrain = deadlineGrain
    }
}
