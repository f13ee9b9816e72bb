// SPDX-License-Identifier: Apache-2.0
import Foundation

/// One device of a person who has a contact list, logged in at a test server. It answers nothing by itself.
final class Buddy {
    /// What it reports.
    struct Event: Decodable, Sendable {
        struct Item: Decodable, Sendable, Equatable {
            var subscription: String?
            var ask: String?
        }

        var event: String
        /// When, in seconds of a clock that all processes share.
        var at: Double
        var from: String?
        var type: String?
        var show: String?
        var status: [String: String]?
        var priority: Int?
        var inside: [String]?
        var items: [String: Item]?
        /// What is wrong, in an error.
        var condition: String?
    }

    /// What it says.
    struct Presence: Encodable, Sendable {
        var `do` = "presence"
        var to: String?
        var type: String?
        var show: String?
        var status: [String: String] = [:]
        var priority: Int?
        var xml: String?
    }

    private struct Order: Encodable {
        var `do`: String
    }

    let address: String
    let device: String
    private let lines: JSONLines<Event>
    /// What was reported before the last thing that was waited for.
    private var seen = 0

    /// Logs `user` in with one device; the password is the user's name.
    init(_ user: String, _ device: String, at server: some XMPPServer, in scratch: Scratch) async throws {
        address = "\(user)@\(server.domain)"
        self.device = device
        let program = Place.peers.appending(path: "xmpp_buddy.py").path
        let arguments = ["--jid", "\(address)/\(device)", "--password", user, "--port", "\(server.clientPort)"]
        lines = JSONLines(
            process: try ChildProcess(
                "buddy-\(address)-\(UInt32.random(in: 0...UInt32.max))",
                [Place.python, program] + arguments,
                in: scratch.url
            )
        )
        _ = try await lines.event("login of \(address)", within: .seconds(40)) { $0.event == "online" }
    }

    func tell(_ presence: Presence) throws { try lines.send(presence) }

    func say(_ type: String, to other: Buddy) throws { try tell(Presence(to: other.address, type: type)) }

    /// Ends the session in order.
    func quit() throws { try lines.send(Order(do: "quit")) }

    /// Ends it at once.
    func kill() { lines.process.stop() }

    /// Waits for presence of this type from somebody's account, after everything that was waited for before.
    @discardableResult
    func hears(
        _ type: String,
        from other: Buddy,
        within limit: Duration = .seconds(40),
        where fits: (Event) -> Bool = { _ in true }
    ) async throws -> Event {
        let skip = seen
        let process = lines.process
        let (place, event) = try await eventually(
            "\(type) of \(other.address) at \(address)",
            within: limit,
            detail: { process.tail(30) }
        ) { () -> (Int, Event)? in
            let all = try lines.events()
            return all.indices.dropFirst(skip).lazy.map { ($0, all[$0]) }.first { _, event in
                event.event == "presence" && event.type == type && event.account == other.address && fits(event)
            }
        }
        seen = place + 1
        return event
    }

    /// Waits until the device of somebody is seen in this state, before or after whatever else was waited for.
    func sees(_ other: Buddy, within limit: Duration = .seconds(40), _ fits: (Event?) -> Bool) async throws {
        try await eventually(
            "state of \(other.address)/\(other.device) at \(address)",
            within: limit,
            detail: { lines.process.tail() }
        ) { fits(try view(of: other)) }
    }

    /// The last word about a device: its own, or one about the whole account.
    func view(of other: Buddy) throws -> Event? {
        let jid = "\(other.address)/\(other.device)"
        return try lines.events().last {
            $0.event == "presence" && ["available", "unavailable"].contains($0.type)
                && ($0.from == jid || ($0.from == other.address && $0.type == "unavailable"))
        }
    }

    /// How often presence of this type came from somebody's account.
    func count(_ type: String, from other: Buddy) throws -> Int {
        try lines.events().count { $0.event == "presence" && $0.type == type && $0.account == other.address }
    }

    /// All that was reported so far.
    func events() throws -> [Event] { try lines.events() }

    /// The account's name.
    var user: String { String(address.prefix { $0 != "@" }) }

    /// What the contact list says of somebody.
    func listed(_ other: Buddy) async throws -> Event.Item? { try await listed(other.address) }

    /// What the contact list says of an address.
    func listed(_ other: String) async throws -> Event.Item? {
        let before = try lines.events().count { $0.event == "roster" }
        try lines.send(Order(do: "roster"))
        return try await eventually("contact list of \(address)", within: .seconds(30)) {
            try lines.events().filter { $0.event == "roster" }.dropFirst(before).first
        }.items?[other]
    }

    /// Waits for anything, or for presence of one type, from an address.
    func answer(_ type: String? = nil, from address: String) async throws -> Event {
        try await lines.event("answer of \(address) at \(self.address)", within: .seconds(40)) {
            $0.event == "presence" && $0.account == address && (type == nil || $0.type == type)
        }
    }

    /// What was heard of somebody since the last thing that was waited for.
    func unread(of other: Buddy) throws -> [Event] {
        try lines.events().dropFirst(seen).filter { $0.event == "presence" && $0.account == other.address }
    }
}

extension Buddy.Event {
    /// The account that it came from, without the device.
    var account: String? { from?.split(separator: "/").first.map(String.init) }
    /// Whether somebody is there.
    var isThere: Bool { type == "available" }
}
