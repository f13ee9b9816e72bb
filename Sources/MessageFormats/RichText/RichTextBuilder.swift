// SPDX-License-Identifier: Apache-2.0
import struct NIOCore.ByteBuffer

/// Writes a document of text/html-lite from what a parser tells: the start and end of elements, text, line breaks.
///
/// Tags are written only when there is text for them, and only as far as what is open differs from what the text is to
/// bear. So nothing is empty, doubled or misnested, whatever the parser tells, and a document that was written here is
/// written again with the same octets.
struct RichTextBuilder {
    /// What an element does beside the marks that it sets.
    enum Effect {
        case nothing, paragraph, block, line, preformatted, dropped
    }

    private struct Frame {
        var effect: Effect
        var formats: RichTextFormats
        var generation: Int
    }

    var out = ByteBuffer()
    /// The elements that are open in what is read.
    private var frames: [Frame] = []
    /// Moves on when the marks of all open elements end at once.
    private var generation = 0
    /// How many open elements set each mark.
    private var counts = [Int](repeating: 0, count: RichTextFormats.single.count)
    /// The marks that the text is to bear, outermost first.
    var wanted: [RichTextFormats] = []
    private var targets: [String] = []
    /// The marks whose tags are open in what is written, outermost first, and the target of the link among them.
    var open: [RichTextFormats] = []
    var openTarget: String?

    private var blockDepth = 0
    private var preformattedDepth = 0
    private var droppedDepth = 0
    /// Whether all white space counts.
    var isPlain = false
    var isInParagraph = false
    /// Whether text that stands in no paragraph was written last.
    var isAfterBareText = false
    var isAfterBoundary = false
    var needsLine = false
    var isAtLineStart = true
    /// Spaces that are written once text follows, and how many marks they bear.
    var spaces = 0
    var spaceMarks = 0
    var isAfterCarriageReturn = false

    /// The most octets of the document, and how many may be written before no more marks are set.
    let limit: Int
    let markLimit: Int
    /// Whether marks were left out for want of room.
    var isWithoutMarks = false

    /// A builder of a document that is made of `count` octets.
    init(reading count: Int) {
        limit = min(4 * count + 1_024, HTMLLite.maximum)
        // Marks that many paragraphs share are set anew in each: little that is read could become much.
        markLimit = 3 * count + 512
    }

    /// How deep the open elements are nested.
    var depth: Int { frames.count }
    /// The target of the innermost link.
    var target: String? { targets.last }
    var isBlock: Bool { blockDepth > 0 }
    var isPreformatted: Bool { isPlain || preformattedDepth > 0 }
    var isDropping: Bool { droppedDepth > 0 }

    /// An element begins. `target` is that of a link.
    mutating func start(_ effect: Effect, _ formats: RichTextFormats = [], target: String? = nil) {
        switch effect {
        case .nothing: break
        case .dropped: droppedDepth += 1
        case .line: boundary(isLine: true)
        case .paragraph, .block, .preformatted:
            boundary(isLine: false)
            blockDepth += 1
            if effect == .preformatted { preformattedDepth += 1 }
        }
        var formats = formats
        if let target {
            targets.append(target)
            formats.insert(.link)
        }
        frames.append(Frame(effect: effect, formats: formats, generation: generation))
        for (index, single) in RichTextFormats.single.enumerated() where formats.contains(single.format) {
            counts[index] += 1
            if counts[index] == 1 { wanted.append(single.format) }
        }
    }

    /// The innermost element ends.
    mutating func end() {
        guard let frame = frames.popLast() else { return }
        switch frame.effect {
        case .nothing: break
        case .dropped: droppedDepth -= 1
        case .line: boundary(isLine: true)
        case .paragraph, .block, .preformatted:
            boundary(isLine: false)
            blockDepth -= 1
            if frame.effect == .preformatted { preformattedDepth -= 1 }
        }
        guard frame.generation == generation, !frame.formats.isEmpty else { return }
        if frame.formats.contains(.link) { targets.removeLast() }
        for (index, single) in RichTextFormats.single.enumerated() where frame.formats.contains(single.format) {
            counts[index] -= 1
            if counts[index] == 0 { wanted.removeAll { $0 == single.format } }
        }
    }

    /// The marks of all open elements end here.
    mutating func endMarks() {
        guard !wanted.isEmpty else { return }
        generation += 1
        wanted = []
        targets = []
        for index in counts.indices { counts[index] = 0 }
    }

    /// The whole document; nil where it has become too large.
    mutating func finish() -> ByteBuffer? {
        close(downTo: 0)
        if isInParagraph { out.writeStaticString("</p>") }
        isInParagraph = false
        return out.readableBytes <= limit ? out : nil
    }

    /// What follows begins a paragraph or, with less ado, a line.
    private mutating func boundary(isLine: Bool) {
        guard !isDropping else { return }
        spaces = 0
        isAfterCarriageReturn = false
        if isLine {
            needsLine = true
            return
        }
        close(downTo: 0)
        if isInParagraph { out.writeStaticString("</p>") }
        isInParagraph = false
        isAfterBoundary = true
        needsLine = false
        isAtLineStart = true
    }
}
