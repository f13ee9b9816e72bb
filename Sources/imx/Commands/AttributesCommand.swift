// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import EnvelopeModel
import NIOCore

/// Asks for attributes of a user or of a domain, here or elsewhere.
struct AttributesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attributes",
        abstract: "Asks what a user or a domain says of itself, and prints the answer for each key.",
        discussion: """
            The question goes through the running aggregator like any other, and is answered as the rules of the \
            subject's side have it. Without KEY, all is asked for that the requester may see.

            EXIT CODES
              0  answered, if only in part
              1  refused for good
              3  uncertain
              4  not now, trying again later may help

            EXAMPLES
              imx attributes b.example
              imx attributes juliet@b.example alias vcard --as romeo@a.example
              imx attributes b.example contact.abuse --json
            """
    )

    @Argument(help: "A user or a domain.")
    var subject: String

    @Argument(help: ArgumentHelp("What to ask for, such as alias or contact.abuse.", valueName: "key"))
    var keys: [String] = []

    @Option(
        name: .customLong("as"),
        help: ArgumentHelp(
            "Who asks, a user or a domain hosted here. Without it the subject itself, or else the first hosted domain.",
            valueName: "requester"
        )
    )
    var requester: String?

    @Flag(help: "Print the answer as JSON.")
    var json = false

    @OptionGroup var control: ControlOptions

    func run() throws {
        let request = ControlRequest.attributes(subject: subject, keys: keys, requester: requester)
        guard case .attributes(let report) = try control.ask(request, within: 60) else {
            throw CommandFailure("the aggregator answered something else; is it of another version?")
        }
        Terminal.answer(json ? try Display.json(report) : Display.text(report))
        let code = SendCommand.exitCode(for: OutcomeCode(rawValue: report.code))
        if code != .success { throw CommandFailure("", code: code) }
    }
}

extension String {
    /// The text without empty lines before it.
    fileprivate var trimmed: String { String(drop { $0 == "\n" }) }
}

/// The answer to a question for attributes.
struct AttributesReport: Codable, Sendable, Hashable {
    /// One key and what was said of it.
    struct Line: Codable, Sendable, Hashable {
        var key: String
        /// The media type, where it is not plain text.
        var type: String?
        /// The value where it is text.
        var text: String?
        /// The value in hexadecimal where it is no text.
        var octets: String?
        /// For how many seconds it may be kept.
        var seconds: UInt32?
        /// Why there is no value.
        var status: UInt16?
    }

    /// Who was asked about, and who asked.
    var subject: String
    var requester: String
    /// The outcome of the question as a whole.
    var code: UInt16
    var text: String?
    var lines: [Line] = []
}

extension AttributesReport.Line {
    init(_ attribute: Attribute) {
        let isText = attribute.text != nil
        self.init(
            key: attribute.key,
            type: attribute.type,
            text: attribute.text,
            octets: isText ? nil : attribute.value.map { Self.hexadecimal($0) },
            seconds: attribute.seconds,
            status: attribute.status?.rawValue
        )
    }

    private static func hexadecimal(_ value: ByteBuffer) -> String {
        value.readableBytesView.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

extension Display {
    /// What was said for each key.
    static func text(_ report: AttributesReport) -> String {
        let code = OutcomeCode(rawValue: report.code)
        guard Outcome(code).disposition == .delivered else {
            let why = report.text.map { ", " + Terminal.safe($0) } ?? ""
            return "no answer: \(report.code) \(code.meaning)\(why)"
        }
        let rows = report.lines.map { line -> [String] in
            let value =
                line.status.map { "none: \($0) \(reason($0))" }
                ?? line.text ?? line.octets.map { "octets \($0)" } ?? ""
            let time = line.seconds.map { "good for \($0) s" } ?? ""
            return [line.key, value, line.type ?? "", time]
        }
        let title = "\(Terminal.safe(report.subject)), asked as \(Terminal.safe(report.requester))"
        return rows.isEmpty ? "\(title): nothing is known" : section(title, rows).joined(separator: "\n").trimmed
    }

    /// Why a key has no value (IMX-1 §7.6).
    private static func reason(_ status: UInt16) -> String {
        switch OutcomeCode(rawValue: status) {
        case .noSuchUser: "no such attribute"
        case .refused: "not for this requester"
        case .unavailable: "not now"
        case let code: code.meaning
        }
    }
}
