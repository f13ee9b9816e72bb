// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Foundation
import NIOCore
import TestSupport
import Testing

@testable import IMXWire

/// Attacks on what the dial-back draws and compares.
@Suite struct AttackTests {
    /// The last 32 octets of a token are its MAC; the 16 before the expiry are random.
    private func tokens(_ count: Int, _ body: (ByteBuffer) -> Void) {
        var generator = SystemRandomNumberGenerator()
        let tokens = ClaimTokens(key: Octets32(using: &generator))
        let pair = DomainPair(source: text("b.example"), target: text("a.example"))
        let expiry = Instant(nanoseconds: 100_000_000_000)
        for _ in 0..<count { body(tokens.make(pair, expiry: expiry, using: &generator)) }
    }

    @Test("S03, G.3-6, G.3-7: of 100,000 tokens no random part comes twice, and every octet is as likely as the next")
    func manyTokens() {
        var seen: Set<UInt64> = []
        var other: Set<UInt64> = []
        var counts = [[Int]](repeating: [Int](repeating: 0, count: 256), count: 16)
        var previous: UInt64 = 0
        var ascending = 0
        let total = 100_000
        tokens(total) { token in
            guard let high = token.getInteger(at: 4, as: UInt64.self),
                let low = token.getInteger(at: 12, as: UInt64.self)
            else { return }
            seen.insert(high)
            other.insert(low)
            ascending += high > previous ? 1 : 0
            previous = high
            for index in 0..<8 {
                counts[index][Int(truncatingIfNeeded: high >> UInt64(8 * index)) & 255] += 1
                counts[8 + index][Int(truncatingIfNeeded: low >> UInt64(8 * index)) & 255] += 1
            }
        }
        #expect(seen.count == total && other.count == total, "a repeat")
        // No counter and no clock: half of them are larger than the one before, within six deviations.
        #expect(Double(abs(ascending - total / 2)) < 3 * Double(total).squareRoot(), "\(ascending)")
        let expected = Double(total) / 256
        for octets in counts {
            let square = octets.reduce(0.0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
            // Chi-square with 255 degrees of freedom: 400 is beyond one in a hundred million.
            #expect(square < 400, "\(square)")
        }
    }

    @Test(
        "S03, G.3-6, IMX 6.3.1-3: the keys, secrets, nonces and server identifiers come from the system's generator alone"
    )
    func onlySystemGenerator() throws {
        let sources = try Sources.lines(under: ["Sources/IMXWire", "Sources/IMXFront", "Sources/imx/Serve"])
        let weak = sources.filter { line in
            ["arc4random", "drand48", "srand", "rand()", "UInt64.random(in:", "UInt8.random(in:", "seed:"].contains {
                line.text.contains($0)
            }
        }
        #expect(weak.isEmpty, "\(weak)")
        // What draws for the dial-back takes the generator as an argument; who gives it one gives it this.
        let given = sources.filter { $0.text.contains("RandomNumberGenerator()") }
        #expect(!given.isEmpty && given.allSatisfy { $0.text.contains("SystemRandomNumberGenerator()") }, "\(given)")
    }

    @Test(
        "S04, G.3-5: two different (source, target, token) never give one MAC input, the suffix case of CVE-2016-0756 included"
    )
    func splicing() throws {
        var generator = SeededGenerator(seed: 4)
        let secret = try #require(Octets32(range(0, 32)))
        let letters = Array("ab.".utf8)
        var seen: [ByteBuffer: String] = [:]
        func check(_ source: String, _ target: String, _ token: [UInt8]) {
            let binding = ClaimBinding(
                source: text(source),
                target: text(target),
                token: ByteBuffer(bytes: token),
                connection: ConnectionID(dialler: text("x"), acceptor: text("y"))
            )
            let name = "\(source)|\(target)|\(token)"
            for mac in [binding.proof(secret).buffer, binding.confirm(secret).buffer] {
                #expect(seen[mac] == nil || seen[mac] == name, "\(name) and \(seen[mac] ?? "")")
                seen[mac] = name
            }
        }
        check("jabber.example", "a.example", [1, 2])
        check("bber.example", "a.exampleja", [1, 2])
        check("bber.example", "ja.example", [1, 2])
        for _ in 0..<3000 {
            func some(_ most: Int) -> [UInt8] {
                (0..<Int.random(in: 1...most, using: &generator)).map { _ in
                    letters.randomElement(using: &generator) ?? 0
                }
            }
            check(
                String(decoding: some(4), as: UTF8.self),
                String(decoding: some(4), as: UTF8.self),
                some(3)
            )
        }
        #expect(seen.count > 2000)
    }

    @Test(
        "S17, G.3-19: secrets, proofs, confirmations and MACs are compared as Octets32 alone, without a branch on what differs"
    )
    func constantTime() throws {
        let lines = try Sources.lines(under: ["Sources/IMXWire/Dialback"])
        let comparisons = lines.filter { line in
            (line.text.contains("==") || line.text.contains("!="))
                && ["proof", "confirm", "secret", "mac(", "shown"].contains { line.text.contains($0) }
        }
        let allowed = ["shown == binding", "let isMade = mac(", "b.words", "key.pair == asked", "shown == mac("]
        let others = comparisons.filter { line in !allowed.contains { line.text.contains($0) } }
        #expect(others.isEmpty, "compare them as Octets32: \(others)")
        #expect(!comparisons.isEmpty)
        let equality = lines.filter { $0.file.hasSuffix("DialbackMAC.swift") && $0.text.contains("b.words") }
        #expect(!equality.isEmpty && equality.allSatisfy { !$0.text.contains("&&") && !$0.text.contains("if ") })
        // And it is right: every single bit counts.
        let value = try #require(Octets32(range(0, 32)))
        for bit in 0..<256 {
            var octets = range(0, 32)
            octets.setInteger(
                (octets.getInteger(at: bit / 8, as: UInt8.self) ?? 0) ^ UInt8(1 << (bit % 8)),
                at: bit / 8
            )
            #expect(try #require(Octets32(octets)) != value)
        }
        #expect(try #require(Octets32(range(0, 32))) == value)
    }
}

/// The lines of the program, for rules that only a look at the source can prove.
enum Sources {
    struct Line: CustomStringConvertible {
        var file: String
        var number: Int
        var text: String
        var description: String { "\(file):\(number): \(text.trimmingCharacters(in: .whitespaces))" }
    }

    /// The lines of all files under these folders, without comments.
    static func lines(under folders: [String]) throws -> [Line] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try folders.flatMap { folder in
            let place = root.appending(path: folder)
            let names = try FileManager.default.subpathsOfDirectory(atPath: place.path).filter {
                $0.hasSuffix(".swift")
            }
            return try names.sorted().flatMap { name in
                let text = try String(contentsOf: place.appending(path: name), encoding: .utf8)
                return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap {
                    let code = $1.split(separator: "//", omittingEmptySubsequences: false).first.map(String.init) ?? ""
                    return code.allSatisfy(\.isWhitespace)
                        ? nil : Line(file: "\(folder)/\(name)", number: $0 + 1, text: code)
                }
            }
        }
    }
}
