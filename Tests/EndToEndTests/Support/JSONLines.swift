// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A program that takes JSON lines on its standard input and writes JSON lines.
struct JSONLines<Event: Decodable & Sendable>: Sendable {
    let process: ChildProcess

    func send(_ order: some Encodable) throws {
        guard let line = String(data: try JSONEncoder().encode(order), encoding: .utf8) else {
            throw HarnessError("an order that is no text")
        }
        try process.write(line: line)
    }

    /// All that it has written so far.
    func events() throws -> [Event] {
        let text = try String(contentsOf: process.output, encoding: .utf8)
        let whole = text.hasSuffix("\n") ? text[...] : text[..<(text.lastIndex(of: "\n") ?? text.startIndex)]
        return try whole.split(separator: "\n").map { try JSONDecoder().decode(Event.self, from: Data($0.utf8)) }
    }

    /// Waits for the first event after `skip` others that fits.
    func event(
        _ what: String,
        after skip: Int = 0,
        within limit: Duration,
        where fits: (Event) -> Bool
    ) async throws -> Event {
        try await eventually(what, within: limit, detail: { process.tail() }) {
            if let end = process.ended { throw HarnessError("\(process.name) \(end)\n\(process.tail())") }
            return try events().dropFirst(skip).first(where: fits)
        }
    }
}
