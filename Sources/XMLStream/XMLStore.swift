// SPDX-License-Identifier: Apache-2.0
import Glibc
import NIOCore

/// The elements of one read burst, flat: one arena of octets, and ranges into it.
///
/// Slices of the arena may be kept; everything else is good until the next octets are fed.
final class XMLStore {
    /// A piece of text, or an element whose subtree ends before `next`.
    struct Node {
        /// The name, or ``XMLName/text``.
        var name: XMLName
        /// Where the vocabulary keeps the spelling of a name that it knows.
        var place: UInt16 = 0
        /// The octets of the text, or of the name where the vocabulary does not know it.
        var octets: Range
        /// The attributes, by their places in the list.
        var attributes = Range(start: 0, end: 0)
        /// The node after the last one inside this one.
        var next: UInt32
    }

    struct Attribute {
        var name: XMLName
        /// Where the vocabulary keeps the spelling of a name that it knows.
        var place: UInt16
        /// The name where the vocabulary does not know it.
        var spelling: Range
        var value: Range
    }

    /// Two places, the second not before the first.
    struct Range {
        var start: UInt32
        var end: UInt32

        var count: Int { Int(end) - Int(start) }
    }

    let vocabulary: XMLVocabulary
    private(set) var octets = ByteBuffer()
    private(set) var nodes: [Node] = []
    private(set) var attributes: [Attribute] = []

    init(vocabulary: XMLVocabulary) {
        self.vocabulary = vocabulary
    }

    /// The most octets, nodes or attributes that the store ever holds, far below what 32 bits count.
    static let capacity = 1 << 28
    /// The arena's capacity beyond which it is given back once it is empty.
    private static let keptCapacity = 1 << 18

    /// Where the store ends now.
    struct Mark {
        var octets = 0
        var nodes = 0
        var attributes = 0
    }

    var end: Mark { Mark(octets: octets.writerIndex, nodes: nodes.count, attributes: attributes.count) }

    /// Appends octets and returns where they stand.
    func append(_ bytes: UnsafeRawBufferPointer) -> Range {
        let start = UInt32(truncatingIfNeeded: octets.writerIndex)
        octets.writeBytes(bytes)
        return Range(start: start, end: UInt32(truncatingIfNeeded: octets.writerIndex))
    }

    /// Appends text, to the piece before it where that ends here.
    func appendText(_ bytes: UnsafeRawBufferPointer, extends: Bool) {
        let range = append(bytes)
        if extends, let last = nodes.last, last.name == .text {
            nodes[nodes.count - 1].octets.end = range.end
        } else {
            nodes.append(Node(name: .text, octets: range, next: UInt32(truncatingIfNeeded: nodes.count + 1)))
        }
    }

    func append(_ node: Node) { nodes.append(node) }

    /// Appends an attribute.
    func append(_ name: (name: XMLName, place: UInt16, spelling: Range), value: UnsafeRawBufferPointer) {
        attributes.append(
            Attribute(name: name.name, place: name.place, spelling: name.spelling, value: append(value))
        )
    }

    /// Ends the element at `index`: it contains everything after it.
    func close(_ index: Int) {
        nodes[index].next = UInt32(truncatingIfNeeded: nodes.count)
    }

    /// Forgets everything inside the element at `index`, but not its name and attributes.
    func empty(_ index: Int) {
        nodes.removeLast(nodes.count - index - 1)
        attributes.removeLast(attributes.count - Int(nodes[index].attributes.end))
        close(index)
    }

    /// Forgets everything before `mark` and moves the rest to the front.
    func discard(before mark: Mark) {
        if mark.nodes == nodes.count {
            nodes.removeAll(keepingCapacity: true)
            attributes.removeAll(keepingCapacity: true)
            // Where slices are still held, the new arena is as large as the last one was full, so that they pin little.
            let used = octets.writerIndex
            if octets.capacity > XMLStore.keptCapacity {
                octets = ByteBuffer()
            } else {
                octets.clear(minimumCapacity: used)
            }
            return
        }
        guard mark.nodes > 0 else { return }
        moveToFront(from: mark)
    }

    private func moveToFront(from mark: Mark) {
        nodes.removeFirst(mark.nodes)
        attributes.removeFirst(mark.attributes)
        octets.moveReaderIndex(to: mark.octets)
        var kept = ByteBuffer()
        kept.writeBuffer(&octets)
        octets = kept
        for index in nodes.indices {
            nodes[index].next -= UInt32(truncatingIfNeeded: mark.nodes)
            nodes[index].octets.move(back: mark.octets)
            nodes[index].attributes.move(back: mark.attributes)
        }
        for index in attributes.indices {
            attributes[index].spelling.move(back: mark.octets)
            attributes[index].value.move(back: mark.octets)
        }
    }

    /// Whether the octets of `range` are those of `text`.
    func isEqual(_ range: Range, to text: StaticString) -> Bool {
        guard text.hasPointerRepresentation, range.count == text.utf8CodeUnitCount else { return false }
        return octets.withUnsafeReadableBytes { all in
            guard let start = all.baseAddress, Int(range.end) <= all.count else { return false }
            return memcmp(start + Int(range.start), text.utf8Start, range.count) == 0
        }
    }

    func slice(_ range: Range) -> ByteBuffer {
        octets.getSlice(at: Int(range.start), length: range.count) ?? ByteBuffer()
    }
}

extension XMLStore.Range {
    fileprivate mutating func move(back distance: Int) {
        let distance = UInt32(truncatingIfNeeded: distance)
        start = start >= distance ? start - distance : 0
        end = end >= distance ? end - distance : 0
    }
}
