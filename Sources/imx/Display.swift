// SPDX-License-Identifier: Apache-2.0
import Configuration
import EnvelopeModel
import Foundation
import Telemetry

/// How answers look on a terminal.
enum Display {
    /// A value as JSON, keys in order.
    static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return escaped(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    /// JSON with everything escaped that is not to be seen. The encoder escapes only what JSON demands; beyond ASCII,
    /// and for DEL, a scalar can only stand within a string.
    private static func escaped(_ json: String) -> String {
        guard json.unicodeScalars.contains(where: { $0 != "\n" && $0.isUnseen }) else { return json }
        var text = ""
        for scalar in json.unicodeScalars {
            if scalar == "\n" || !scalar.isUnseen {
                text.unicodeScalars.append(scalar)
            } else {
                for unit in String(Character(scalar)).utf16 { text += String(format: "\\u%04x", Int(unit)) }
            }
        }
        return text
    }

    /// What became of a message, and its way.
    static func text(_ report: SendReport) -> String {
        let code = OutcomeCode(rawValue: report.code)
        let disposition = Outcome(code).disposition
        let state = "\(disposition)" + (disposition == .failed && code.isTemporary ? " for now" : "")
        let meaning = code == .delivered ? "\(code)" : "\(code) \(code.meaning)"
        var lines = ["\(state) (\(meaning)) in \(decimal(report.milliseconds)) ms"]
        if let text = report.text { lines.append("  \(Terminal.safe(text))") }
        if let seconds = report.retryAfter { lines.append("  try again in \(seconds) s") }
        let places = report.path.map(\.place.count).max() ?? 0
        for step in report.path {
            let time = decimal(step.milliseconds)
            lines.append("  \(pad(time, left: 8)) ms  \(pad(step.place, places))  \(Terminal.safe(step.text))")
        }
        lines += report.losses.map { "  lost: \(Terminal.safe($0))" }
        lines.append("  trace \(report.trace)")
        return lines.joined(separator: "\n")
    }

    /// Outcomes, one in each line.
    static func text(_ reports: [OutcomeReport]) -> String {
        if reports.isEmpty { return "no such outcome is kept" }
        return reports.map { report in
            let code = OutcomeCode(rawValue: report.code)
            let reason = report.text.map { ": \(Terminal.safe($0))" } ?? ""
            return "\(report.time)  \(report.trace)  \(report.from) -> \(report.to)  \(code) \(code.meaning)\(reason)"
        }.joined(separator: "\n")
    }

    /// That a configuration is right, and what it says in short.
    static func text(_ configuration: AggregatorConfiguration) -> String {
        let listen = configuration.listen.map(\.description).joined(separator: ", ")
        let adapters = configuration.adapters.map { "\($0.name) (\($0.kind))" }.joined(separator: ", ")
        return """
            \(configuration.file) is right
              \(configuration.name) listens on \(listen.isEmpty ? "nothing" : listen)
              domains: \(configuration.domains.map(\.domain.name).joined(separator: ", "))
              adapters: \(adapters)
              peers: \(configuration.peers.isEmpty ? "none" : configuration.peers.keys.sorted().map(\.name).joined(separator: ", "))
            """
    }

    static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    static func pad(_ text: String, left width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    static func decimal(_ number: Double) -> String { String(format: "%.1f", number) }
}

extension OutcomeCode {
    /// What the code means, in a few words.
    var meaning: String {
        switch self {
        case .delivered: "delivered"
        case .uncertain: "handed on, fate unknown"
        case .awaitingApproval: "awaiting approval"
        case .moved: "moved to another address"
        case .unavailable: "not available now"
        case .timedOut: "timed out"
        case .shortOfResources: "short of resources"
        case .rateLimited: "too much at once"
        case .notVerifiedNow: "sender not verified now"
        case .malformed: "malformed"
        case .addressInvalid: "invalid address"
        case .noSuchUser: "no such user"
        case .refused: "refused"
        case .notAuthenticated: "sender not authenticated"
        case .notServedHere: "not served here"
        case .loop: "loop"
        case .notUnderstood: "not understood"
        case .tooLarge: "too large"
        case .notAcceptable: "not acceptable"
        case .conflict: "conflict"
        case .noSuchSubscription: "no such subscription"
        case .domainNotFound: "domain not found"
        case .internalError: "internal error"
        case .notVerified: "sender not verified"
        default: "code of another version"
        }
    }
}
