// SPDX-License-Identifier: Apache-2.0
import Discovery
import Foundation
import Testing

/// The records in the document are those of the code.
@Suite struct DocumentTests {
    private static func blocks(_ mark: String) throws -> [[String]] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: "Documentation/IMX-DNS-Record.md"), encoding: .utf8)
        var blocks: [[String]] = []
        var isOpen = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "```\(mark)" || line.hasPrefix("```\(mark) ") {
                isOpen = true
                blocks.append([])
            } else if line.hasPrefix("```") {
                isOpen = false
            } else if isOpen {
                blocks[blocks.count - 1].append(String(line))
            }
        }
        return blocks
    }

    @Test("I.2: every example of the document reads, is shown and is written as it says")
    func examples() throws {
        let blocks = try Self.blocks("imxrr")
        #expect(blocks.count == 4)
        for lines in blocks {
            try #require(lines.count == 2)
            let record = try IMXRecord(rdata: GenericRData.octets(lines[1]))
            #expect(record.description == lines[0])
            #expect(try IMXRecord(text: lines[0]) == record)
            #expect(record.genericText == "\\# \(record.rdata.count) " + Hexadecimal.text(record.rdata))
            #expect(try GenericRData.octets(lines[1]) == record.rdata)
            _ = try HostName.of(target: record.target, port: record.port)
        }
    }

    @Test("I.2: every record that the document calls unreadable is refused")
    func refused() throws {
        let lines = try Self.blocks("imxrr-refused").flatMap { $0 }
        #expect(lines.count == 8)
        for line in lines {
            let rdata = try GenericRData.octets(line)
            #expect(throws: RDataError.self) {
                let record = try IMXRecord(rdata: rdata)
                _ = try HostName.of(target: record.target, port: record.port)
            }
        }
    }

    @Test("I.2: the document's zone has the record of its second example")
    func zone() throws {
        let zone = try Self.blocks("zone").flatMap { $0 }
        let line = try #require(zone.first { $0.contains("TYPE65370") })
        let record = try IMXRecord(text: String(line[try #require(line.range(of: "\\#")).lowerBound...]))
        #expect(record.description == "10 30 5290 TLS imx.acme.example.")
    }
}
