// SPDX-License-Identifier: Apache-2.0
import Testing

/// Two people, one on each server, and who watches whom; and the four programs between them, which may be killed.
///
/// It knows how things stand: whether the watcher may see, and what the presentity said last.
final class PresencePlay {
    /// One of the four programs.
    enum Program: String, CaseIterable, Sendable {
        case north, south, prosody, ejabberd
    }

    let bed: Bed
    private(set) var watcher: Buddy
    private(set) var presentity: Buddy
    private let watcherServer: any XMPPServer
    private let presentityServer: any XMPPServer
    /// Whether the presentity has approved the watcher, who still wishes to see.
    private(set) var isSubscribed = false
    /// What the presentity said last, and which of its states that was.
    private var show: String?
    private var number = 0
    /// Whether each of the two has a session.
    private var isWatcherThere = true
    private var isPresentityThere = true

    init(_ name: String, watcherOnProsody: Bool, lease: Int? = nil) async throws {
        bed = try await Bed(name) { $0.lease = lease }
        let alice = try await Buddy("alice", "desk", at: bed.prosody, in: bed.scratch)
        let bob = try await Buddy("bob", "desk", at: bed.ejabberd, in: bed.scratch)
        (watcher, presentity) = watcherOnProsody ? (alice, bob) : (bob, alice)
        (watcherServer, presentityServer) = watcherOnProsody ? (bed.prosody, bed.ejabberd) : (bed.ejabberd, bed.prosody)
        try tell()
    }

    /// The aggregator of the presentity.
    var presentityAggregator: AggregatorProcess { presentityServer === bed.prosody ? bed.north : bed.south }

    /// The aggregator of the watcher.
    var watcherAggregator: AggregatorProcess { watcherServer === bed.prosody ? bed.north : bed.south }

    // MARK: Words

    /// The watcher asks, and the presentity is asked.
    func ask() async throws {
        try watcher.say("subscribe", to: presentity)
        try await presentity.hears("subscribe", from: watcher)
    }

    /// The presentity says yes, and the watcher hears and sees that.
    func approve() async throws {
        try presentity.say("subscribed", to: watcher)
        try await watcher.hears("subscribed", from: presentity)
        isSubscribed = true
        try await agree()
    }

    func befriend() async throws {
        try await ask()
        try await approve()
    }

    /// The presentity asks the watcher in turn, who says yes: each is on the other's contact list.
    func befriendBack() async throws {
        try presentity.say("subscribe", to: watcher)
        try await watcher.hears("subscribe", from: presentity)
        try watcher.say("subscribed", to: presentity)
        try await presentity.hears("subscribed", from: watcher)
    }

    /// The presentity says no, or not any longer.
    func refuse() async throws {
        try presentity.say("unsubscribed", to: watcher)
        try await watcher.hears("unsubscribed", from: presentity)
        isSubscribed = false
        try await agree()
    }

    /// The watcher is not interested any longer.
    func giveUp() async throws {
        try watcher.say("unsubscribe", to: presentity)
        try await presentity.hears("unsubscribe", from: watcher)
        isSubscribed = false
        try await agree()
    }

    /// The presentity's state changes.
    func change(_ show: String? = nil) throws {
        self.show = show
        try tell()
    }

    /// Each state has a number, so that an older one is never taken for it.
    private func tell() throws {
        number += 1
        guard isPresentityThere else { return }
        try presentity.tell(.init(show: show, status: ["en": "state \(number)"]))
    }

    /// How often the presentity was asked in its present session.
    func prompts() throws -> Int { try presentity.count("subscribe", from: watcher) }

    /// Waits until the presentity's side of the subscription is in this state.
    func becomes(_ state: String, within limit: Duration) async throws {
        let clock = ContinuousClock()
        let end = clock.now + limit
        while true {
            let (watcher, presentity) = (watcher.address, presentity.address)
            let now = try await presentityAggregator.subscription("watched", of: watcher, to: presentity)
            if now == state { return }
            guard clock.now < end else {
                throw HarnessError("\(watcher) watching \(presentity) is \(now ?? "nothing"), not \(state)")
            }
            try await Task.sleep(for: .milliseconds(300))
        }
    }

    // MARK: Sessions

    func watcherLeaves() {
        watcher.kill()
        isWatcherThere = false
    }

    func watcherComes() async throws {
        watcher = try await again(watcher, at: watcherServer)
        isWatcherThere = true
    }

    func presentityLeaves() throws {
        try presentity.quit()
        isPresentityThere = false
    }

    func presentityComes() async throws {
        presentity = try await again(presentity, at: presentityServer)
        isPresentityThere = true
        try tell()
    }

    /// Another device of the presentity.
    func device(_ name: String) async throws -> Buddy {
        try await Buddy(presentity.user, name, at: presentityServer, in: bed.scratch)
    }

    /// A client for messages of one of the two.
    func writer(_ buddy: Buddy) async throws -> XMPPClient {
        let server = buddy.address == watcher.address ? watcherServer : presentityServer
        return try await XMPPClient(buddy.user, at: server, in: bed.scratch)
    }

    private func again(_ buddy: Buddy, at server: any XMPPServer) async throws -> Buddy {
        buddy.kill()
        return try await Buddy(buddy.user, buddy.device, at: server, in: bed.scratch)
    }

    // MARK: What must be so

    /// Waits until what the watcher sees is what is so.
    func agree(within limit: Duration = .seconds(60)) async throws {
        guard isWatcherThere else { return }
        let state = "state \(number)"
        if isSubscribed, isPresentityThere {
            try await watcher.sees(presentity, within: limit) {
                $0?.isThere == true && $0?.show == show && $0?.status?.values.contains(state) == true
            }
        } else if isSubscribed {
            try await watcher.sees(presentity, within: limit) { $0?.isThere == false }
        } else {
            try await watcher.sees(presentity, within: limit) { $0?.isThere != true }
        }
    }

    /// Kills a program, has the presentity's state change meanwhile, starts it again, and waits until all is right.
    func restart(_ program: Program) async throws {
        switch program {
        case .north, .south:
            let aggregator = program == .north ? bed.north : bed.south
            aggregator.crash()
            try tell()
            try await aggregator.start()
        case .prosody, .ejabberd:
            let server: any XMPPServer = program == .prosody ? bed.prosody : bed.ejabberd
            try await server.crash()
            if server === watcherServer { try tell() }
            try await server.start()
            try await (program == .prosody ? bed.north : bed.south).linksUp()
            if server === watcherServer, isWatcherThere { try await watcherComes() }
            if server === presentityServer, isPresentityThere { try await presentityComes() }
        }
        try await agree()
    }
}
