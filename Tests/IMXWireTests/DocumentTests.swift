// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Foundation
import NIOCore
import Testing

@testable import IMXWire

/// The specification: its text, and its examples by name.
private struct Document {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    let text: String
    let examples: [(name: String, octets: ByteBuffer)]

    init() throws {
        text = try String(contentsOf: Self.root.appending(path: "Documentation/IMX-1-Protocol.md"), encoding: .utf8)
        var examples: [(name: String, octets: ByteBuffer)] = []
        var open: (name: String, lines: [Substring])?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if let (name, lines) = open {
                if line == "```" {
                    examples.append((name, octets(lines.joined(separator: "\n"))))
                    open = nil
                } else {
                    open = (name, lines + [line])
                }
            } else if line.hasPrefix("```imx1 ") {
                open = (String(line.dropFirst(8)), [])
            }
        }
        self.examples = examples
    }

    func example(_ name: String) throws -> ByteBuffer {
        try #require(examples.first { $0.name == name }, "no example \(name)").octets
    }
}

@Suite struct DocumentTests {
    @Test("I.1.4: the specification shows every record as the code writes it", arguments: try Samples.all().map(\.name))
    func records(name: String) throws {
        let sample = try #require(try Samples.all().first { $0.name == name }).octets
        let example = try Document().example(name)
        #expect(example.hex == sample.hex)
        #expect(try Samples.rewrite(example).hex == example.hex)
    }

    @Test("I.1.4: the specification's other octets are those of the code")
    func others() throws {
        let document = try Document()
        #expect(try document.example("preface") == ByteBuffer(integer: Preface.value))
        #expect(try document.example("proof-value") == (try Samples.proof()))
        #expect(try document.example("confirm-value") == (try Samples.confirm()))
        let id = ConnectionID(
            dialler: try document.example("hello-dialler"),
            acceptor: try document.example("hello-acceptor")
        )
        #expect(try document.example("cid") == id.buffer)
        let bound = ConnectionID(
            dialler: boundHello(Samples.server, 0x20, dialled: text("a.example")),
            acceptor: boundHello(Samples.otherServer, 0x40, dialled: nil),
            binding: range(0xA0, 32)
        )
        #expect(try document.example("cid-bound") == bound.buffer)
        let binding = ClaimBinding(
            source: Samples.claim.source,
            target: Samples.claim.target,
            token: Samples.claim.token,
            connection: bound
        )
        let secret = try #require(Octets32(range(0x80, 32)))
        #expect(try document.example("proof-bound") == binding.proof(secret).buffer)
        let tokens = ClaimTokens(node: 0x0102, cluster: try #require(Octets32(range(0xC0, 32))), day: 20_000)
        var random = CountingGenerator(octet: 0xE0)
        let pair = DomainPair(source: text("b.example"), target: text("a.example"))
        let expiry = Instant(nanoseconds: 135_000_000_000)
        #expect(try document.example("token") == tokens.make(pair, expiry: expiry, using: &random))
        var lone = Lone()
        #expect(lone.after(try document.example("grease")).isEmpty)
        #expect(lone.sent.readableBytes == 0)
        _ = lone.after(try document.example("unknown-request"))
        let shown = try #require(try document.example("unknown-answer").records.first)
        let sent = try #require(lone.sent.records.first)
        #expect(sent.header.type == shown.header.type && sent.header.tag == shown.header.tag)
        #expect(sent.octets.payload.hex.hasPrefix(shown.octets.payload.hex))
    }

    private func boundHello(_ server: ServerID, _ nonce: UInt8, dialled: ByteBuffer?) -> ByteBuffer {
        var out = ByteBuffer()
        HelloRecord(
            serverID: server,
            maxRecord: 65_536,
            capabilities: [.channelBinding],
            nonce: Samples.nonce(nonce),
            dialled: dialled
        )
        .write(to: &out)
        return out
    }

    @Test("I.1.4: every example of the specification is checked by some test")
    func complete() throws {
        let others = [
            "preface", "unknown-request", "unknown-answer", "grease", "cid", "proof-value", "confirm-value",
            "cid-bound", "proof-bound", "token",
        ]
        let known = Set(try Samples.all().map(\.name) + others)
        #expect(Set(try Document().examples.map(\.name)) == known)
    }

    @Test("I.1.2: the specification lists exactly the fields that the code gives a meaning to")
    func fields() throws {
        let document = try Document()
        let section = try #require(document.text.split(separator: "\n## 9. ").last?.split(separator: "\n## 10.").first)
        let listed = section.split(separator: "\n").compactMap { line -> UInt16? in
            guard line.hasPrefix("| "), line.dropFirst(6).hasPrefix(" |") else { return nil }
            return UInt16(line.dropFirst(2).prefix(4), radix: 16)
        }
        #expect(listed == (0...UInt16.max).filter { FieldID(rawValue: $0).isAssigned })
    }

    @Test("I.1.5: the specification lists exactly the outcome codes that the model knows")
    func codes() throws {
        let document = try Document()
        let section = try #require(document.text.split(separator: "\n## 8. ").last?.split(separator: "\n## 9.").first)
        let listed = section.split(separator: "\n").compactMap { line -> OutcomeCode? in
            guard line.hasPrefix("| "), line.dropFirst(6).hasPrefix(" |") else { return nil }
            return UInt16(line.dropFirst(2).prefix(4)).map(OutcomeCode.init)
        }
        #expect(listed == OutcomeCode.known)
    }

    @Test("every section of the specification that the code cites is there")
    func citations() throws {
        let document = try Document()
        let headings = Set(
            document.text.split(separator: "\n").filter { $0.hasPrefix("## ") || $0.hasPrefix("### ") }
                .compactMap { $0.split(separator: " ").dropFirst().first }
                .map { $0.hasSuffix(".") ? String($0.dropLast()) : String($0) }
        )
        let sources = Document.root.appending(path: "Sources/IMXWire")
        var cited: Set<String> = []
        for case let file as URL in FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil)
            ?? .init()
        {
            guard file.pathExtension == "swift" else { continue }
            let code = try String(contentsOf: file, encoding: .utf8)
            for piece in code.split(separator: "IMX-1 §").dropFirst() {
                let number = piece.prefix { $0.isNumber || $0 == "." }
                cited.insert(number.hasSuffix(".") ? String(number.dropLast()) : String(number))
            }
        }
        #expect(cited.count > 8)
        #expect(cited.subtracting(headings).isEmpty)
    }
}
