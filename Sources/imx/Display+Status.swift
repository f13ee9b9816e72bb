// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Telemetry

extension Display {
    /// The state of an aggregator for people.
    static func text(_ report: StatusReport) -> String {
        var lines = [
            "\(report.name)  imx \(report.version)  pid \(report.pid)  up \(duration(report.uptimeSeconds))",
            "",
            "accepted \(book(report.ledger)) + waiting \(report.waiting)",
        ]
        if report.ledger.accepted != report.ledger.settled &+ report.waiting {
            lines.append("THE LEDGER DOES NOT BALANCE: this is a fault of the program, please report it")
        }
        lines += section(
            "adapters",
            report.adapters.map { adapter in
                [
                    adapter.name, adapter.kind, Terminal.safe(adapter.link) + (adapter.isPaused ? ", paused" : ""),
                    "\(adapter.outstanding) out", "\(adapter.unsettled) in",
                ]
            }
        )
        let connections = report.connections
        lines += section(
            "connections",
            [
                ("in", connections.incoming), ("in, not authenticated", connections.unauthenticated),
                ("out", connections.outgoing),
            ]
            .filter { $0.1 > 0 }.map { [$0.0, "\($0.1)"] }
        )
        lines += section(
            "peers",
            report.peers.map { peer in
                [
                    peer.direction, peer.address, Terminal.safe(peer.state), "\(peer.inFlight) in flight",
                    Terminal.safe(peer.pairs.joined(separator: " ")),
                ]
            }
        )
        lines += section(
            "lanes",
            report.lanes.map { lane in
                [
                    "\(lane.from) -> \(lane.to)", "by \(lane.adapter)", "accepted \(book(lane.ledger))",
                    "+ waiting \(lane.waiting)",
                ]
            }
        )
        lines += section(
            "outcomes",
            report.outcomes.map { count in
                [count.name, UInt16(count.name).map { OutcomeCode(rawValue: $0).meaning } ?? "", "\(count.count)"]
            }
        )
        let drops =
            report.drops + [
                StatusReport.Count(name: "repeats answered", count: report.repeats),
                StatusReport.Count(name: "repeat entries lost", count: report.lostRepeats),
                StatusReport.Count(name: "outcome records lost", count: report.lostOutcomes),
                StatusReport.Count(name: "trust records lost", count: report.lostTrust),
                StatusReport.Count(name: "log lines left out", count: report.linesLeftOut),
            ]
        lines += section("dropped", drops.filter { $0.count > 0 }.map { [$0.name, "\($0.count)"] })
        lines += section(
            "turned away by rules and budgets",
            report.turnedAway.filter { $0.count > 0 }.map { [$0.name, "\($0.count)"] }
        )
        lines += section(
            "presence",
            report.presence.filter { $0.count > 0 }.map { [$0.name, "\($0.count)"] }
        )
        lines += section("look-ups", report.lookUps.filter { $0.count > 0 }.map { [$0.name, "\($0.count)"] })
        lines += section("certificates", report.certificates.map { [$0.domain, "until \($0.notAfter)", $0.file] })
        lines += report.certificateProblems.map { "certificate problem: \(Terminal.safe($0))" }
        if let records = report.hostedRecords, records.astrayCount > 0 {
            lines += section(
                "records that do not lead here: \(records.astrayCount) of \(records.astrayCount + records.right)",
                records.astray.prefix(20).map { [$0.domain, "since \($0.since)", $0.problems.joined(separator: "; ")] }
            )
        }
        lines += section(
            "configuration read again",
            [("taken over", report.reloads.taken), ("with mistakes, not taken over", report.reloads.refused)]
                .filter { $0.1 > 0 }.map { [$0.0, "\($0.1)"] }
                + report.reloads.problems.prefix(5).map { ["last mistake", $0] }
        )
        lines += section("refused to peers", report.refusals.map { [$0.name, "\($0.count)"] })
        if let run = report.previousRun, run.isClean == false {
            lines += [
                "", "the run before, from \(run.started), was not stopped in order: accepted \(book(run.ledger))",
            ]
        }
        return lines.joined(separator: "\n")
    }

    /// The numbers of an aggregator for Prometheus.
    static func metrics(_ report: StatusReport) -> String {
        var text = MetricsText()
        text.add(.uptime, report.uptimeSeconds)
        text.add(.accepted, report.ledger.accepted)
        for (name, count) in columns(report.ledger) { text.add(.settled, count, ["disposition": name]) }
        text.add(.waiting, report.waiting)
        text.add(.repeats, report.repeats)
        text.add(.lostRepeats, report.lostRepeats)
        text.add(.lostOutcomes, report.lostOutcomes)
        text.add(.lostTrust, report.lostTrust)
        for count in report.outcomes { text.add(.outcomes, count.count, ["code": count.name]) }
        for count in report.drops { text.add(.drops, count.count, ["reason": count.name]) }
        for count in report.turnedAway { text.add(.turnedAway, count.count, ["reason": count.name]) }
        for count in report.presence { text.add(.presence, count.count, ["what": count.name]) }
        for count in report.refusals { text.add(.refusals, count.count, ["reason": count.name]) }
        text.add(.linesLeftOut, report.linesLeftOut)
        if let records = report.hostedRecords { text.add(.domainsAstray, UInt64(records.astrayCount)) }
        addLanes(report.lanes, to: &text)
        for adapter in report.adapters {
            text.add(.linkUp, adapter.link == "up" ? 1 : 0, ["adapter": adapter.name, "kind": adapter.kind])
            text.add(.outstanding, UInt64(clamping: adapter.outstanding), ["adapter": adapter.name])
        }
        let connections = report.connections
        text.add(
            .connections,
            UInt64(clamping: connections.incoming - connections.unauthenticated),
            ["state": "incoming"]
        )
        text.add(.connections, UInt64(clamping: connections.unauthenticated), ["state": "unauthenticated"])
        text.add(.connections, UInt64(clamping: connections.outgoing), ["state": "outgoing"])
        return String(text.text.dropLast())
    }

    /// The most lanes that have numbers of their own: names that strangers make up must not make the page grow.
    private static let shownLanes = 100

    /// The lanes with the most traffic, and the others together under no names.
    private static func addLanes(_ lanes: [StatusReport.Lane], to text: inout MetricsText) {
        let all = lanes.sorted { ($1.ledger.accepted, $0.from, $0.to) < ($0.ledger.accepted, $1.from, $1.to) }
        var shown = Array(all.prefix(shownLanes))
        if all.count > shownLanes {
            var others = StatusReport.Lane(from: "", to: "", adapter: "", ledger: .init(), waiting: 0, waitingOctets: 0)
            for lane in all.dropFirst(shownLanes) {
                others.ledger.add(lane.ledger)
                others.waiting += lane.waiting
                others.waitingOctets += lane.waitingOctets
            }
            shown.append(others)
        }
        for lane in shown {
            text.add(.laneWaiting, UInt64(clamping: lane.waiting), ["from": lane.from, "to": lane.to])
            text.add(.waitingOctets, UInt64(clamping: lane.waitingOctets), ["from": lane.from, "to": lane.to])
            for (name, count) in columns(lane.ledger) {
                text.add(.laneSettled, count, ["from": lane.from, "to": lane.to, "disposition": name])
            }
        }
    }

    private static func columns(_ book: StatusReport.Book) -> [(String, UInt64)] {
        [
            ("delivered", book.delivered), ("failed", book.failed), ("expired", book.expired),
            ("uncertain", book.uncertain),
        ]
    }

    private static func book(_ book: StatusReport.Book) -> String {
        "\(book.accepted) = " + columns(book).map { "\($0.0) \($0.1)" }.joined(separator: " + ")
    }

    /// Rows under a title, columns in line; nothing where there are no rows.
    static func section(_ title: String, _ rows: [[String]]) -> [String] {
        guard !rows.isEmpty else { return [] }
        let rows = rows.map { $0.map(Terminal.safe) }
        var widths: [Int] = []
        for row in rows {
            for (index, cell) in row.enumerated() {
                if index == widths.count { widths.append(0) }
                widths[index] = max(widths[index], cell.count)
            }
        }
        return ["", title]
            + rows.map { row in
                let cells = row.enumerated().map {
                    $0.offset == row.count - 1 ? $0.element : pad($0.element, widths[$0.offset])
                }
                return "  " + cells.joined(separator: "  ")
            }
    }

    private static func duration(_ seconds: UInt64) -> String {
        let parts = [
            (seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s"),
        ]
        let shown = parts.drop { $0.0 == 0 }.prefix(2)
        return shown.isEmpty ? "0s" : shown.map { "\($0.0)\($0.1)" }.joined(separator: " ")
    }
}
