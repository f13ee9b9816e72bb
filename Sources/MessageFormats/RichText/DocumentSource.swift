// SPDX-License-Identifier: Apache-2.0

/// Hands a document to libxml2 piece by piece, and stops where it becomes more work than a document is worth.
///
/// libxml2 compares each attribute of a tag with all others, and each end tag with all open elements: 128 KiB made for
/// it would take seconds. It reads no further than it needs, so that what it is given bounds what it does.
struct DocumentSource {
    private let octets: [UInt8]
    private var position = 0
    /// How much had been handed out when the parser last told something.
    private var told = 0
    private var effort = 0
    /// Whether the rest was kept back.
    private(set) var isCut = false

    /// The most octets of one tag or comment, and of one piece.
    static let tokenLimit = 4_096
    private static let piece = 512
    /// The most comparisons of an end tag with an open element.
    private static let effortLimit = 1_000_000

    init(_ octets: [UInt8]) {
        self.octets = octets
    }

    /// The parser told something.
    mutating func note() { told = position }

    /// Keeps the rest back.
    mutating func stop() { isCut = true }

    /// Fills `room`, `depth` elements being open; 0 at the end.
    mutating func read(into room: UnsafeMutableRawBufferPointer, depth: Int) -> Int {
        guard !isCut else { return 0 }
        let end = min(position + min(DocumentSource.piece, room.count), octets.count)
        guard end > position else { return 0 }
        effort += depth * costly(position..<end)
        guard end - told <= DocumentSource.tokenLimit + DocumentSource.piece, effort <= DocumentSource.effortLimit
        else {
            isCut = true
            return 0
        }
        octets.withUnsafeBytes { room.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[position..<end])) }
        defer { position = end }
        return end - position
    }

    /// How many tags the range may hold for which libxml2 goes through all open elements: end tags and `body`.
    private func costly(_ range: Range<Int>) -> Int {
        var count = 0
        for index in range where octets[index] == UInt8(ascii: "<") {
            guard index + 1 < octets.count else { break }
            switch octets[index + 1] | 0x20 {
            case UInt8(ascii: "/") | 0x20: count += 1
            case UInt8(ascii: "b") where index + 2 < octets.count && octets[index + 2] | 0x20 == UInt8(ascii: "o"):
                count += 1
            default: break
            }
        }
        return count
    }
}
