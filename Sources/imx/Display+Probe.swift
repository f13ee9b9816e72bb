// SPDX-License-Identifier: Apache-2.0

extension Display {
    /// What a probe found, for people.
    static func text(_ report: ProbeReport) -> String {
        var lines = [
            "probe of \(report.target)" + (report.domain.map { $0 == report.target ? "" : " for \($0)" } ?? "")
        ]
        let width = report.steps.map(\.name.count).max() ?? 0
        for step in report.steps {
            let time = step.verdict == .skipped ? "" : " (\(decimal(step.milliseconds)) ms)"
            lines.append("  \(pad(word(step.verdict), 5))  \(pad(step.name, width))  \(Terminal.safe(step.got))\(time)")
            guard step.verdict == .wrong || step.verdict == .note else { continue }
            let margin = String(repeating: " ", count: width + 11)
            let rule = step.section.isEmpty ? "" : " (IMX-1 \(step.section))"
            lines.append("\(margin)done: \(Terminal.safe(step.did))")
            lines.append("\(margin)expected: \(Terminal.safe(step.expected))\(rule)")
            if let side = step.side { lines.append("\(margin)fault: \(words(side))") }
            if let remedy = step.remedy { lines.append("\(margin)\(Terminal.safe(remedy))") }
        }
        let faults = report.faults
        guard let first = faults.first else { return (lines + ["everything is right"]).joined(separator: "\n") }
        let side = first.side.map { ", \(words($0))" } ?? ""
        let count = "\(faults.count) of \(report.steps.count) steps went wrong"
        return (lines + ["\(count); the first: \(first.name)\(side)"]).joined(separator: "\n")
    }

    private static func word(_ verdict: ProbeStep.Verdict) -> String {
        switch verdict {
        case .right: "ok"
        case .wrong: "WRONG"
        case .note: "note"
        case .skipped: "-"
        }
    }

    private static func words(_ side: ProbeStep.Side) -> String {
        switch side {
        case .ours: "ours"
        case .theirs: "theirs"
        case .network: "the network's"
        case .dns: "the DNS's"
        }
    }
}
