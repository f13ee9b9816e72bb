// SPDX-License-Identifier: Apache-2.0

/// What is read of a whole DNS message (RFC 1035 §4).
enum AnswerMessage {
    private static let aliasType: UInt16 = 5

    /// How many aliases the answer section has; as many as were seen where the message cannot be read to the end.
    static func aliases(_ message: UnsafeRawBufferPointer) -> Int {
        guard let questions = integer(message, 4), let answers = integer(message, 6) else { return 0 }
        var offset = 12
        for _ in 0..<questions {
            guard let end = endOfName(message, offset) else { return 0 }
            offset = end + 4
        }
        var aliases = 0
        for _ in 0..<answers {
            guard let end = endOfName(message, offset), let type = integer(message, end),
                let length = integer(message, end + 8)
            else { break }
            if type == aliasType { aliases += 1 }
            offset = end + 10 + Int(length)
        }
        return aliases
    }

    private static func integer(_ message: UnsafeRawBufferPointer, _ offset: Int) -> UInt16? {
        guard offset + 2 <= message.count else { return nil }
        return UInt16(message[offset]) << 8 | UInt16(message[offset + 1])
    }

    /// Where the name that begins at `start` ends; pointers in it are not followed.
    private static func endOfName(_ message: UnsafeRawBufferPointer, _ start: Int) -> Int? {
        var offset = start
        while offset < message.count {
            let length = message[offset]
            if length == 0 { return offset + 1 }
            if length >= 0xC0 { return offset + 2 }
            offset += 1 + Int(length)
        }
        return nil
    }
}
