// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import EnvelopeModel
import Foundation
import MessageFormats
import NIOCore

/// What concerns Message/CPIM objects.
struct CPIMCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cpim",
        abstract: "Judges Message/CPIM objects.",
        subcommands: [Lint.self]
    )

    struct Lint: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Judges a Message/CPIM object: each finding with its line, its rule and where the rule stands.",
            discussion: """
                A file starts with the MIME headers of the object, Content-Type: Message/CPIM among them. Where a \
                carrier has taken them off, and the file starts with From and To, say --message-headers.

                EXIT CODES
                  0  nothing is wrong
                  1  a strict reader refuses the object
                  2  the file cannot be read

                EXAMPLES
                  imx cpim lint message.cpim
                  imx cpim lint --message-headers --json spool/0007
                """
        )

        @Argument(help: "The file; - for standard input.")
        var path: String

        @Flag(help: "The file starts with the message headers.")
        var messageHeaders = false

        @Flag(help: "Print the verdict as JSON.")
        var json = false

        func run() throws {
            let octets = try read()
            let report: CPIMReport
            do {
                let start: CPIMMessage.Start = messageHeaders ? .messageHeaders : .objectHeaders
                report = CPIMReport(try CPIMMessage(reading: octets, from: start), start)
            } catch {
                throw CommandFailure("\(Terminal.safe(path)): \(error)")
            }
            Terminal.answer(json ? try Display.json(report) : report.text(path))
            if !report.findings.isEmpty { throw ExitCode(1) }
        }

        /// No object that anybody sends is larger.
        private static var limit: Int { 64 << 20 }

        private func read() throws -> ByteBuffer {
            do {
                let handle =
                    path == "-" ? .standardInput : try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
                let data = try handle.read(upToCount: Self.limit + 1) ?? Data()
                guard data.count <= Self.limit else { throw CommandFailure("\(Terminal.safe(path)) is beyond 64 MiB") }
                return ByteBuffer(bytes: data)
            } catch let failure as CommandFailure {
                throw failure
            } catch {
                throw CommandFailure("cannot read \(Terminal.safe(path)): \(error.localizedDescription)")
            }
        }
    }
}

/// What is to be said about an object.
struct CPIMReport: Codable, Sendable, Hashable {
    /// A rule that is broken.
    struct Finding: Codable, Sendable, Hashable {
        var line: Int
        var rule: String
        var section: String
        var text: String
    }

    var findings: [Finding]
    /// Whether a strict reader takes the object.
    var isStrictlyValid: Bool
    var from: String?
    var to: [String]
    var cc: [String]
    var dateTime: String?
    var subjects: [String]
    /// What a recipient must understand.
    var required: [String]
    var contentType: String?
    var contentOctets: Int
    /// What may help where the object looks like another thing.
    var hint: String?

    init(_ message: CPIMMessage, _ start: CPIMMessage.Start) {
        findings = message.findings.map { finding in
            Finding(
                line: finding.line,
                rule: finding.rule.rawValue,
                section: finding.rule.section,
                text: finding.text
            )
        }
        isStrictlyValid = message.isStrictlyValid
        from = message.from?.uri
        to = message.to.map(\.uri)
        cc = message.cc.map(\.uri)
        dateTime = message.dateTime?.literal
        subjects = message.subjects.map(\.text)
        required = message.required.map { ($0.namespace ?? "(unbound)") + " " + $0.name }
        contentType = message.contentHeaders.first { $0.name.lowercased() == "content-type" }?.value
        contentOctets = message.content.readableBytes
        let isCPIM = message.objectHeaders.contains {
            $0.name.lowercased() == "content-type" && MediaType($0.value)?.essence == "message/cpim"
        }
        hint =
            start == .messageHeaders || isCPIM
            ? nil : "the object does not say that it is Message/CPIM; --message-headers?"
    }

    /// The verdict for people.
    func text(_ path: String) -> String {
        let name = Terminal.safe(path)
        var lines = findings.map { "\(name):\($0.line): \(Terminal.safe($0.text)) (\($0.rule), \($0.section))" }
        if let hint { lines.append("hint: \(hint)") }
        lines.append(isStrictlyValid ? "strict: taken" : "strict: refused; tolerant: taken as follows")
        func add(_ label: String, _ values: [String]) {
            for value in values { lines.append("  \(Display.pad(label, 9))\(Terminal.safe(value))") }
        }
        add("from", from.map { [$0] } ?? [])
        add("to", to)
        add("cc", cc)
        add("date", dateTime.map { [$0] } ?? [])
        add("subject", subjects)
        add("requires", required)
        add("content", ["\(contentType ?? "of unknown type"), \(contentOctets) octets"])
        return lines.joined(separator: "\n")
    }
}
