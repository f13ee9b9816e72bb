// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import EnvelopeModel
import Presence

/// Lists who watches whom.
struct SubscriptionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "subscriptions",
        abstract: "Lists who watches whose presence, and what each subscription is in.",
        discussion: """
            Each line is one side of a subscription: "watched" where the presentity lives here, "watching" where the \
            watcher does; between two users here there are two lines. The time is what is left of the lease.

            active    served                       pending   the presentity has yet to decide
            approved  allowed, nobody asks now     polite    granted and never served
            lapsed    not served, asked for again  ending    on its way out

            EXAMPLES
              imx subscriptions
              imx subscriptions --of juliet@b.example
              imx subscriptions --of far.example --json
            """
    )

    @Option(help: "A user or a domain, on either side.")
    var of: String?

    @Option(help: "The most lines.")
    var limit = 1_000

    @Flag(help: "Print them as JSON.")
    var json = false

    @OptionGroup var control: ControlOptions

    func run() throws {
        guard case .subscriptions(let report) = try control.ask(.subscriptions(of: of, limit: limit), within: 30)
        else { throw CommandFailure("the aggregator answered something else; is it of another version?") }
        Terminal.answer(json ? try Display.json(report) : Display.text(report))
    }
}

/// The subscriptions that were asked for.
struct SubscriptionsReport: Codable, Sendable, Hashable {
    /// One side of a subscription.
    struct Line: Codable, Sendable, Hashable {
        /// `watched` or `watching`.
        var side: String
        var watcher: String
        var presentity: String
        var state: String
        /// Seconds that are left of the lease.
        var seconds: UInt32?
        /// Whether a state of the presentity is known.
        var isKnown: Bool
        /// Tries that failed in a row.
        var failures: Int
    }

    /// How many there are in all, on either side.
    var watched: Int
    var watching: Int
    var lines: [Line]
    /// Whether there are more than were asked for.
    var isCut: Bool
}

extension SubscriptionsReport {
    /// The most lines that are given out at once.
    private static let lineLimit = 100_000

    init(_ desk: PresenceDesk, of text: String?, limit: Int) throws {
        let selection: PresenceDesk.Selection
        if let text {
            if text.contains("@") {
                guard let user = Address(text) else {
                    throw CommandFailure("\"\(text)\" is not an address: local@domain")
                }
                selection = .user(user)
            } else {
                guard let domain = Domain(text) else { throw CommandFailure("\"\(text)\" is not a domain name") }
                selection = .domain(domain)
            }
        } else {
            selection = .all
        }
        let limit = min(max(1, limit), Self.lineLimit)
        let found = desk.entries(limit: limit + 1, of: selection)
        self.init(
            watched: desk.count.watched,
            watching: desk.count.watching,
            lines: found.prefix(limit).map(Line.init),
            isCut: found.count > limit
        )
    }
}

extension SubscriptionsReport.Line {
    fileprivate init(_ entry: PresenceDesk.Entry) {
        self.init(
            side: entry.side == .watched ? "watched" : "watching",
            watcher: entry.watcher.description,
            presentity: entry.presentity.description,
            state: entry.state.rawValue,
            seconds: entry.seconds,
            isKnown: entry.hasState,
            failures: entry.failures
        )
    }
}

extension Display {
    /// Who watches whom.
    static func text(_ report: SubscriptionsReport) -> String {
        var lines = ["\(report.watched) watched here, \(report.watching) watching from here"]
        let rows = report.lines.map { line in
            [
                line.side, line.watcher, line.presentity, line.state,
                line.seconds.map { "\($0) s left" } ?? "no lease",
                line.isKnown ? "state known" : "no state",
                line.failures > 0 ? "\(line.failures) tries failed" : "",
            ]
        }
        lines += section("side, watcher, presentity", rows)
        if report.isCut { lines.append("there are more: narrow it with --of, or raise --limit") }
        return lines.joined(separator: "\n")
    }
}
