// SPDX-License-Identifier: Apache-2.0

/// What an operator can see of an aggregator at one moment. `imx status --json` prints it as it is.
struct StatusReport: Codable, Sendable, Hashable {
    /// A book: accepted = delivered + failed + expired + uncertain + waiting, always.
    struct Book: Codable, Sendable, Hashable {
        var accepted: UInt64 = 0
        var delivered: UInt64 = 0
        var failed: UInt64 = 0
        var expired: UInt64 = 0
        var uncertain: UInt64 = 0
    }

    /// A lane: what goes from one domain to another.
    struct Lane: Codable, Sendable, Hashable {
        var from: String
        var to: String
        /// The adapter instance that it leads to; `imx` is the way to other aggregators.
        var adapter: String
        var ledger: Book
        var waiting: Int
        var waitingOctets: Int
    }

    /// An adapter instance.
    struct Adapter: Codable, Sendable, Hashable {
        var name: String
        var kind: String
        /// `up`, `connecting`, or `down: ` and why.
        var link: String
        /// Deliveries that are with it.
        var outstanding: Int
        /// Its submissions without an outcome.
        var unsettled: Int
        /// Whether it was told to stop submitting.
        var isPaused: Bool
    }

    /// A connection to or from a peer.
    struct Peer: Codable, Sendable, Hashable {
        /// Its number since the start of the process; nil where it is not open now.
        var id: UInt64?
        var address: String
        /// `in` where the peer connected to us, `out` where we did.
        var direction: String
        /// Where the connection is in its life.
        var state: String
        /// The pairs of domains that are trusted on it, as `source>target`.
        var pairs: [String]
        /// Requests of ours that it has not answered.
        var inFlight: Int
    }

    /// A certificate in use.
    struct Certificate: Codable, Sendable, Hashable {
        /// The domain that it is served for.
        var domain: String
        var file: String
        /// When it ends, as RFC 3339 has it.
        var notAfter: String
        /// The names that it is good for.
        var names: [String]
    }

    /// All connections to and from peers in numbers.
    struct Connections: Codable, Sendable, Hashable {
        /// Connections that peers made.
        var incoming = 0
        /// Those of them on which nobody has proved to be anybody yet.
        var unauthenticated = 0
        /// Connections that we made.
        var outgoing = 0
    }

    /// What the hosted domains' own records look like from outside.
    struct HostedRecords: Codable, Sendable, Hashable {
        /// A domain whose records do not lead here.
        struct Astray: Codable, Sendable, Hashable {
            var domain: String
            /// Since when, as RFC 3339 has it.
            var since: String
            var problems: [String]
        }

        /// Domains looked up since the start.
        var looks: UInt64
        /// Domains whose records lead here.
        var right: Int
        /// Domains whose records do not.
        var astrayCount: Int
        /// The first thousand of those.
        var astray: [Astray]
    }

    /// How often the configuration was read again.
    struct Reloads: Codable, Sendable, Hashable {
        /// Taken over.
        var taken: UInt64 = 0
        /// Left as it was, because of mistakes.
        var refused: UInt64 = 0
        /// The last time, as RFC 3339 has it.
        var last: String?
        /// The mistakes of the last time.
        var problems: [String] = []
    }

    /// An earlier life of the aggregator.
    struct Run: Codable, Sendable, Hashable {
        var version: String
        var started: String
        var stopped: String?
        /// Whether it was stopped in order.
        var isClean: Bool?
        var ledger: Book
    }

    /// A number under a name.
    struct Count: Codable, Sendable, Hashable {
        var name: String
        var count: UInt64
    }

    var name: String
    var version: String
    var serverID: String
    var pid: Int32
    var started: String
    var uptimeSeconds: UInt64
    var ledger: Book
    var waiting: UInt64
    /// Repeats that were answered without a second delivery.
    var repeats: UInt64
    /// Entries that the repeat window gave up before their time.
    var lostRepeats: UInt64
    /// Outcomes that the database could not take.
    var lostOutcomes: UInt64
    /// Proofs of foreign domains that the database could not take.
    var lostTrust: UInt64 = 0
    /// Outcomes given, by code.
    var outcomes: [Count]
    /// What was dropped without an answer, by reason.
    var drops: [Count]
    /// What rules and budgets turned away, by reason.
    var turnedAway: [Count] = []
    /// Subscriptions, and what happened to them since the start.
    var presence: [Count] = []
    /// What was refused to peers, by reason.
    var refusals: [Count] = []
    /// Log lines about peers and lost messages that were left out, because there were too many.
    var linesLeftOut: UInt64 = 0
    var connections = Connections()
    var lanes: [Lane]
    var adapters: [Adapter]
    var peers: [Peer]
    /// The certificates in use, the soonest to end first.
    var certificates: [Certificate] = []
    /// Certificate files that cannot be used.
    var certificateProblems: [String] = []
    /// What the resolver of names has done.
    var lookUps: [Count] = []
    /// The hosted domains' own records; nil where nobody looks at them.
    var hostedRecords: HostedRecords?
    /// How often the configuration was read again.
    var reloads = Reloads()
    /// The run before this one.
    var previousRun: Run?
}

extension StatusReport.Book {
    /// Envelopes with an outcome.
    var settled: UInt64 { delivered &+ failed &+ expired &+ uncertain }

    /// Adds the numbers of another book.
    mutating func add(_ other: Self) {
        accepted &+= other.accepted
        delivered &+= other.delivered
        failed &+= other.failed
        expired &+= other.expired
        uncertain &+= other.uncertain
    }
}
