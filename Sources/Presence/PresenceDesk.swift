// SPDX-License-Identifier: Apache-2.0
package import AdapterKit
package import EnvelopeModel
import NIOCore

/// Who may see whose presence, as the rules have it (RFC 2779 2.3.1, 2.3.2).
package enum PresenceVerdict: Sendable, Hashable {
    /// Yes, without asking the presentity.
    case allow
    /// No, and the watcher is told.
    case deny
    /// It looks granted and is never served: like a presentity who is never there (RFC 2779 5.1.15).
    case polite
    /// The presentity decides.
    case ask
}

/// Where the long-lived approvals of services and the short leases of the network are joined (standards reference F.5,
/// IMX 4.5).
///
/// Two tables: what users here are watched by (``watched``), and what users here watch (``watching``). A subscription
/// between two users here has a row in each, and goes the same way as any other. Octets and sockets are not known here:
/// what is to be told to adapters, asked of other sides and written to disk is left in ``orders``, ``requests`` and
/// ``changes``, and the time comes in.
///
/// Confined to one event loop.
package final class PresenceDesk {
    /// What a request of ours asks for, and of whom.
    package struct Request {
        /// To be given back with the outcome.
        package let token: UInt64
        package let operation: Envelope.Operation
        package let source: Address
        package let destination: Address
        package let body: Body
        package let name: DisplayName?
    }

    package struct Settings: Sendable {
        /// What a watcher asks for, in seconds: long, so that it is the presentity's domain that decides.
        package var wishedSeconds: UInt32 = 604_800
        /// For how long a watcher of whom nothing more is heard has a session, in seconds; at most twice as long.
        package var sessionSeconds: UInt32 = 604_800
        /// How long a service's link may be down before its users are shown as not there, in seconds.
        package var graceSeconds: UInt32 = 60
        /// The most subscriptions of either side.
        package var maximumRows = 4_000_000
        /// The most subscriptions that the users of one foreign domain have here.
        package var maximumPerDomain = 250_000
        /// The most that the users of one domain here have of their own doing, watching and having approved; and as
        /// many again that others ask of them, half of those at most where nobody has let them in.
        package var maximumPerHosted = 2_000_000
        /// The most octets that all addresses may have together.
        package var maximumOctets = 1 << 30
        /// The most octets that all states may have together; half of them for the users of one domain here.
        package var maximumStateOctets = 1 << 30
        /// For how long the subscriptions of a domain that is not hosted here any more are kept, in seconds.
        package var keepsGoneSeconds: UInt32 = 86_400
        /// How many rows a second are taken up again after a restart or when a link comes back.
        package var pace: UInt32 = 2_000

        package init() {}
    }

    package let settings: Settings
    /// The shortest and the longest lease in seconds that a domain here grants (IMX 4.5.1).
    package var lease: (Domain) -> ClosedRange<UInt32> = { _ in 60...1_800 }
    /// Whether a domain is hosted here.
    package var isHosted: (Domain) -> Bool = { _ in true }
    /// Decides between two parties; the second is a user here.
    package var verdict: (_ watcher: Address, _ presentity: Address) -> PresenceVerdict = { _, _ in .ask }
    /// The same for one who looks once, and for one who reads attributes, where the rules tell these apart.
    package var verdictOnFetch: ((_ watcher: Address, _ presentity: Address) -> PresenceVerdict)?
    package var verdictOnAttributes: ((_ requester: Address, _ user: Address) -> PresenceVerdict)?
    /// A state with less in it, for ways and peers that do not take all of it; nil where nothing can be left out.
    package var smaller: (Body) -> Body? = { _ in nil }
    var cuts: [UInt32: Cut] = [:]
    /// Called with what adapters are to do, in order, once a call is over.
    package var orders: [PresenceOrder] = []
    package var requests: [Request] = []
    package var changes: [SubscriptionChange] = []
    package internal(set) var counters = PresenceCounters()
    let parties = PartyTable()
    var watched: SubscriptionTable
    var watching: SubscriptionTable
    /// The states of users here, and what users here were last shown.
    var states: StateTable
    /// What presentities may be told that watchers here are called, by row, until they have answered.
    var names: [UInt32: DisplayName] = [:]
    /// How many rows of ``watched`` each foreign domain has asked for.
    var rowsOfDomain: [Domain: Int] = [:]
    /// How many rows of either table the users of each domain here have made.
    var rowsOfHosted: [Domain: Int] = [:]
    /// How many rows of ``watched`` others have asked the users of each domain here for, who have not approved them.
    var askedOfHosted: [Domain: Int] = [:]
    /// Fetches that will be answered, and when.
    var fetches: [Fetch] = []
    /// How many of them there are for a pair.
    var openFetches: [FetchKey: Int] = [:]
    /// How many there are for a watcher's domain and in all, until their answers have arrived.
    var fetchesOfDomain: [Domain: Int] = [:]
    var fetchCount = 0
    /// The domains that answers are on their way to.
    var fetchAnswers: [UInt64: Domain] = [:]
    var lastFetchAnswer: UInt64 = 0
    /// What services said for those fetches, and whether they let the watcher see.
    var fetched: [FetchKey: Body] = [:]
    var fetchWords: [FetchKey: Bool] = [:]
    var fetchedOctets = 0
    /// The domains whose service is away, and since when.
    var away: [Domain: UInt32] = [:]
    /// The domains that are not hosted here any more, and since when.
    var gone: [Domain: UInt32] = [:]
    /// When sessions are looked through next.
    var nextAging: UInt32
    /// Whether subscriptions of an earlier process have yet to be given their times.
    var hasRestored = false
    var sweeps: [Sweep] = []
    /// The wall clock's time at second 0.
    let origin: WallTime
    let start: Instant
    var now: UInt32
    /// The same in milliseconds.
    var nowMilliseconds: UInt64 = 1_000
    private var generator: any RandomNumberGenerator

    struct FetchKey: Hashable {
        let watcher: Address
        let presentity: Address
    }

    /// One that is answered with one notification and leaves nothing behind.
    struct Fetch {
        let watcher: Address
        let presentity: Address
        let id: SubscriptionID
        let second: UInt32
        let isPolite: Bool
    }

    package init(
        settings: Settings = Settings(),
        now instant: Instant,
        wallTime: WallTime,
        generator: any RandomNumberGenerator = SystemRandomNumberGenerator()
    ) {
        self.settings = settings
        self.generator = generator
        start = instant
        // Second 0 stands for "nothing", so the clock starts at 1.
        origin = WallTime(milliseconds: wallTime.milliseconds - 1_000)
        now = 1
        nextAging = max(1, settings.sessionSeconds)
        states = StateTable(limit: settings.maximumStateOctets)
        watched = SubscriptionTable(listing: .byPresentity, now: 1)
        watching = SubscriptionTable(listing: .byWatcher, now: 1)
    }

    /// How many subscriptions there are on either side.
    package var count: (watched: Int, watching: Int) { (watched.count, watching.count) }

    /// Whether `requester` may know of a user here what the user lets watchers know.
    ///
    /// - Returns: `allow`, `deny`, or `polite` where it must look as if nothing were known.
    package func maySee(_ requester: Address, _ user: Address) -> PresenceVerdict {
        let verdict = (verdictOnAttributes ?? verdict)(requester, user)
        guard verdict == .ask || verdict == .polite else { return verdict }
        // Who was never approved is told so, whether or not the user blocks politely.
        guard hasApproved(user, requester) else { return .deny }
        return verdict == .ask ? .allow : .polite
    }

    func tick(_ instant: Instant) {
        let milliseconds = UInt64(max(0, (instant - start).nanoseconds / 1_000_000)) + 1_000
        nowMilliseconds = max(nowMilliseconds, milliseconds)
        now = max(now, UInt32(clamping: milliseconds / 1_000))
    }

    func random(_ range: ClosedRange<UInt32>) -> UInt32 { UInt32.random(in: range, using: &generator) }

    /// A new identifier: sixteen random octets (RFC 3859 §3.4.1: unique over a long time).
    func makeID() -> SubscriptionID? {
        var octets = ByteBuffer()
        octets.writeMultipleIntegers(generator.next() as UInt64, generator.next() as UInt64)
        return SubscriptionID(octets)
    }

    /// The pause before another try: longer each time, spread, at most five minutes.
    func pause(after failures: UInt8, retryAfter: UInt32?) -> UInt32 {
        let longest = min(UInt32(300), UInt32(1) << min(UInt32(failures), 9))
        return max(retryAfter.map { min($0, 3_600) } ?? 0, random(max(1, longest / 2)...max(1, longest)))
    }

    // MARK: Tokens

    enum Side: UInt64 {
        case watched = 0
        case watching = 1
        /// The answer to a fetch, which has no row.
        case fetch = 2
    }

    /// The most octets of a name that is kept.
    static let nameLimit = 1_023

    func token(_ row: UInt32, _ side: Side) -> UInt64 {
        let generation = side == .watched ? watched[row].generation : watching[row].generation
        return side.rawValue << 48 | UInt64(generation) << 32 | UInt64(row)
    }

    /// Whether a request still has a meaning: the row that it is about is the same.
    package func isCurrent(_ token: UInt64) -> Bool {
        let row = UInt32(truncatingIfNeeded: token)
        let generation = UInt16(truncatingIfNeeded: token >> 32)
        switch Side(rawValue: token >> 48) {
        case .watched: return watched.isLive(row, generation)
        case .watching: return watching.isLive(row, generation)
        case .fetch: return fetchAnswers[token] != nil
        case nil: return false
        }
    }

    /// Learns what became of a request.
    package func settled(_ token: UInt64, _ outcome: Outcome, at instant: Instant) {
        tick(instant)
        guard isCurrent(token) else { return }
        let row = UInt32(truncatingIfNeeded: token)
        switch Side(rawValue: token >> 48) {
        case .watched: notified(row, outcome)
        case .watching: answered(row, outcome)
        case .fetch: fetchAnswered(token)
        case nil: return
        }
    }
}

/// What happened to subscriptions since the start.
package struct PresenceCounters: Sendable, Hashable {
    /// Differences between the two sides of a subscription, or between a service and us, that were found and mended.
    package var drifts: UInt64 = 0
    /// Notifications that were older than what was known.
    package var stale: UInt64 = 0
    /// Notifications for subscriptions that nobody here has.
    package var unasked: UInt64 = 0
    /// States that nobody may be told: no live subscription stands behind them.
    package var undirected: UInt64 = 0
    /// States that were not kept because there was no room.
    package var unkept: UInt64 = 0
    /// Leases that ran out.
    package var lapsed: UInt64 = 0
    /// Notifications sent.
    package var notifications: UInt64 = 0
    /// Notifications that were too large, after each of which one with less in it was sent.
    package var cut: UInt64 = 0
    /// Renewals granted.
    package var renewals: UInt64 = 0
}
