// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The lines of the control protocol: one JSON object each, ended by a line feed.
enum ControlLine {
    /// The most octets of a line. A status with many lanes is the longest there is.
    static let limit = 64 << 20
    /// The most octets of a request.
    static let requestLimit = 1 << 20

    /// A value as a line.
    static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value)) + [0x0A]
    }

    /// The value that a line spells.
    static func decode<Value: Decodable>(_ type: Value.Type, _ line: some Sequence<UInt8>) throws -> Value {
        try JSONDecoder().decode(type, from: Data(line))
    }
}
