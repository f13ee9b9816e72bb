// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A person's client (slixmpp), logged in at a test server.
struct XMPPClient: Sendable {
    /// What it reports: a message that came, an error that came back, or a change of its own state.
    struct Event: Decodable, Sendable {
        var event: String
        /// When, in seconds of a clock that all processes share.
        var at: Double
        var from: String?
        var to: String?
        var id: String?
        var type: String?
        var lang: String?
        var body: String?
        var subject: String?
        var thread: String?
        var bodies: [String: String]?
        /// The children that are not XMPP's own, by `{namespace}name`.
        var extensions: [String: String]?
        var condition: String?
        var error_type: String?
        var text: String?
    }

    /// What it sends.
    struct Message: Encodable, Sendable {
        var `do` = "send"
        var to: String
        var body: String?
        var subject: String?
        var thread: String?
        var lang: String?
        var type: String?
        var id: String?
        var bodies: [String: String] = [:]
        /// Further children, as XML.
        var extensions: [String] = []
    }

    let jid: String
    private let lines: JSONLines<Event>

    /// Logs `user` in; the password is the user's name.
    init(_ user: String, at server: some XMPPServer, in scratch: Scratch) async throws {
        jid = "\(user)@\(server.domain)"
        let program = Place.peers.appending(path: "xmpp_client.py").path
        lines = JSONLines(
            process: try ChildProcess(
                "client-\(jid)-\(UInt32.random(in: 0...UInt32.max))",
                [Place.python, program, "--jid", jid, "--password", user, "--port", "\(server.clientPort)"],
                in: scratch.url
            )
        )
        _ = try await lines.event("login of \(jid)", within: .seconds(20)) { $0.event == "online" }
    }

    func send(_ message: Message) throws { try lines.send(message) }

    func send(_ body: String, to: String, id: String? = nil) throws {
        try send(Message(to: to, body: body, type: "chat", id: id))
    }

    /// Waits for a message with this body.
    func message(_ body: String, within limit: Duration = .seconds(20)) async throws -> Event {
        try await lines.event("message \"\(body)\" at \(jid)", within: limit) {
            $0.event == "message" && $0.body == body
        }
    }

    /// Waits for a message with such a child, `{namespace}name`, after the first `count` events.
    func message(
        holding name: String,
        after count: Int = 0,
        within limit: Duration = .seconds(20)
    ) async throws -> Event {
        try await lines.event("message with \(name) at \(jid)", after: count, within: limit) {
            $0.event == "message" && $0.extensions?[name] != nil
        }
    }

    /// Waits for an error about the message with this id.
    func error(about id: String, within limit: Duration = .seconds(40)) async throws -> Event {
        try await lines.event("error about \(id) at \(jid)", within: limit) { $0.event == "error" && $0.id == id }
    }

    /// All that came so far.
    func events() throws -> [Event] { try lines.events() }
}

/// A light client that sends and counts thousands of numbered messages.
struct LoadClient: Sendable {
    /// What it reports.
    struct Event: Decodable, Sendable {
        var event: String
        var total: Int?
        var sent: Int?
        var received: Int?
        var repeats: [Int]?
        var backward: [Int]?
        var errors: Int?
        var conditions: [String: Int]?
        var returned: [Int]?
        var numbers: [String: [[Int]]]?
    }

    private struct Order: Encodable {
        var `do`: String
        var to: String?
        var count: Int?
        var rate: Double?
    }

    /// A client's totals.
    struct Report: Sendable {
        /// How many were handed to its own server.
        var sent: Int
        /// How many different messages came.
        var received: Int
        /// Numbers that came twice.
        var repeats: [Int]
        /// Numbers that came after a higher one.
        var backward: [Int]
        /// Numbers that came back as an error.
        var returned: Set<Int>
        /// How often each error condition came back.
        var conditions: [String: Int]
        /// Numbers that came, by sender.
        var numbers: [String: Set<Int>]
    }

    let jid: String
    private let lines: JSONLines<Event>

    init(_ user: String, at server: some XMPPServer, in scratch: Scratch) async throws {
        jid = "\(user)@\(server.domain)"
        let program = Place.peers.appending(path: "xmpp_load.py").path
        lines = JSONLines(
            process: try ChildProcess(
                "load-\(jid)-\(UInt32.random(in: 0...UInt32.max))",
                ["python3", program, "--jid", jid, "--password", user, "--port", "\(server.clientPort)"],
                in: scratch.url
            )
        )
        _ = try await lines.event("login of \(jid)", within: .seconds(20)) { $0.event == "online" }
    }

    /// Starts to send `count` messages at `rate` in a second.
    func send(_ count: Int, to: String, rate: Double) throws {
        try lines.send(Order(do: "send", to: to, count: count, rate: rate))
    }

    /// Waits until `total` messages in all were handed to its server.
    func sent(_ total: Int, within limit: Duration) async throws {
        _ = try await lines.event("\(total) messages sent by \(jid)", within: limit) {
            $0.event == "sent" && ($0.total ?? 0) >= total
        }
    }

    /// Waits until it is logged in after `losses` lost connections.
    func online(times: Int, within limit: Duration) async throws {
        try await eventually("login number \(times) of \(jid)", within: limit) {
            try lines.events().count { $0.event == "online" } >= times
        }
    }

    /// What it has counted.
    func report() async throws -> Report {
        let before = try lines.events().count
        try lines.send(Order(do: "report"))
        let event = try await lines.event("report of \(jid)", after: before, within: .seconds(30)) {
            $0.event == "report"
        }
        let numbers = (event.numbers ?? [:]).mapValues { Set($0.flatMap { Array($0[0]...$0[1]) }) }
        return Report(
            sent: event.sent ?? 0,
            received: event.received ?? 0,
            repeats: event.repeats ?? [],
            backward: event.backward ?? [],
            returned: Set(event.returned ?? []),
            conditions: event.conditions ?? [:],
            numbers: numbers
        )
    }
}
