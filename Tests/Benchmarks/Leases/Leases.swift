// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import Foundation
import NIOCore
import Presence
import Store

/// What a million leases cost: octets of memory each, CPU for a renewal and for a notification, and the time to start
/// again with all of them.
///
///     imx-leases [LEASES [WATCHERS-OF-EACH]]
///
/// One presentity domain with LEASES / WATCHERS-OF-EACH users; the watchers are a tenth as many as the leases, at a
/// thousand domains.
@main
struct Leases {
    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst().compactMap { Int($0) }
        let count = arguments.first ?? 1_000_000
        let fan = arguments.dropFirst().first ?? 100
        var bench = try Bench(count: count, fan: fan)
        try bench.run()
    }
}

struct Bench {
    private let count: Int
    private let fan: Int
    private let clock = ContinuousClock()
    private let start = Instant(nanoseconds: 1_000_000_000)
    private let wall = WallTime(milliseconds: 1_800_000_000_000)
    private let watchers: [Address]
    private let presentities: [Address]

    init(count: Int, fan: Int) throws {
        self.count = count
        self.fan = fan
        watchers = (0..<max(fan, count / 10)).compactMap { Address("watcher-\($0)@d\($0 % 1_000).example") }
        presentities = (0..<(count / fan)).compactMap { Address("presentity-\($0)@hosted.example") }
    }

    private func desk() -> PresenceDesk {
        var settings = PresenceDesk.Settings()
        settings.maximumPerDomain = count
        settings.maximumRows = count + 1
        let desk = PresenceDesk(settings: settings, now: start, wallTime: wall)
        desk.verdict = { _, _ in .allow }
        return desk
    }

    /// The watcher of lease `number`; each watches ten others.
    private func parties(_ number: Int) -> (watcher: Address, presentity: Address) {
        (watchers[(number &* 7_919) % watchers.count], presentities[number / fan])
    }

    mutating func run() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("imx-leases-\(getpid())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("state.sqlite").path
        let before = resident()
        var desk: PresenceDesk? = desk()
        let database = try StateDatabase(path: path)
        let subscribing = try measure { try subscribe(desk, database, renewal: false) }
        tell("subscribe", subscribing, "lease")
        desk?.requests = []
        desk?.orders = []
        let live = desk?.count.watched ?? 0
        print(
            "leases \(live), octets each \((resident() - before - addresses) / max(1, live)), of which the test's own addresses are left out"
        )
        tell("renew", try measure { try subscribe(desk, database, renewal: true) }, "renewal")
        desk?.requests = []
        desk?.orders = []
        tell("notify", measure { publish(desk) }, "notification")
        database.flush()
        desk = nil
        let restarting = try measure { try restart(path) }
        print("restart with \(live) leases: \(restarting.wall) wall, \(restarting.cpu / 1_000) ms CPU")
    }

    /// What the addresses of this program weigh, roughly, so that they do not count as the desk's.
    private var addresses: Int { (watchers.count + presentities.count) * MemoryLayout<Address>.stride }

    private func subscribe(_ desk: PresenceDesk?, _ database: StateDatabase, renewal: Bool) throws {
        let seconds: UInt64 = renewal ? 1_000 : 0
        let now = Instant(nanoseconds: start.nanoseconds + seconds * 1_000_000_000)
        for number in 0..<count {
            let (watcher, presentity) = parties(number)
            var octets = ByteBuffer()
            octets.writeMultipleIntegers(UInt64(number), 0 as UInt64)
            guard let id = SubscriptionID(octets) else { continue }
            _ = desk?.subscribe(
                Envelope.Subscribe(id: id, seconds: 1_800),
                watcher: watcher,
                presentity: presentity,
                name: nil,
                at: now
            )
            guard number % 1_000 == 999, let desk else { continue }
            for request in desk.requests { desk.settled(request.token, .delivered, at: now) }
            desk.requests = []
            desk.orders = []
            if !renewal { database.record(desk.changes) }
            desk.changes = []
            if !renewal, number % 100_000 == 99_999 { database.flush() }
        }
    }

    /// Every presentity changes once, for all of its watchers.
    private func publish(_ desk: PresenceDesk?) {
        guard let desk else { return }
        let now = Instant(nanoseconds: start.nanoseconds + 1_001_000_000_000)
        for (number, presentity) in presentities.enumerated() {
            let state = Body.entity(ByteBuffer(string: "<presence \(number)/>"))
            desk.take(.publishes(presentity: presentity, watcher: nil, state: state), at: now)
            for request in desk.requests { desk.settled(request.token, .delivered, at: now) }
            desk.requests = []
        }
    }

    private func restart(_ path: String) throws {
        let desk = desk()
        try StateDatabase(path: path).subscriptions { desk.restore($0) }
        precondition(desk.count.watched == count, "the desk has \(desk.count.watched) of \(count) leases")
    }

    // MARK: Measuring

    private func measure(_ body: () throws -> Void) rethrows -> (wall: Duration, cpu: Int) {
        let begin = cpu()
        let wall = try clock.measure(body)
        return (wall, cpu() - begin)
    }

    private func tell(_ what: String, _ cost: (wall: Duration, cpu: Int), _ unit: String) {
        let each = Double(cost.cpu) / Double(count)
        print(
            "\(what): \(String(format: "%.2f", each)) CPU-µs per \(unit), \(Int(1_000_000 / max(each, 0.001))) a second"
        )
    }

    /// Microseconds of processor time of this process.
    private func cpu() -> Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1_000_000 + Int(usage.ru_utime.tv_usec)
            + Int(usage.ru_stime.tv_usec)
    }

    private func resident() -> Int {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        return text.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * Int(getpagesize()) } ?? 0
    }
}
