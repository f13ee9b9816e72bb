// SPDX-License-Identifier: Apache-2.0

extension Display {
    /// What reading the configuration again has changed.
    static func text(_ report: ReloadReport) -> String {
        var lines = report.changes.isEmpty ? ["nothing is different"] : report.changes.map(Terminal.safe)
        lines += report.certificateProblems.map { "certificates: \(Terminal.safe($0))" }
        lines += report.waiting.map { "waits for the next start: \($0)" }
        return lines.joined(separator: "\n")
    }

    /// What foreign domains have shown, one in each line.
    static func text(_ reports: [TrustReport]) -> String {
        if reports.isEmpty { return "no foreign domain has shown more than a dial-back" }
        let width = reports.map(\.domain.count).max() ?? 0
        return reports.map { report in
            "\(pad(Terminal.safe(report.domain), width))  \(pad(report.level, 11))  since \(report.since)  seen \(report.seen)"
        }.joined(separator: "\n")
    }
}
