// SPDX-License-Identifier: Apache-2.0
import CLibXML2
import EnvelopeModel

import struct NIOCore.ByteBuffer

/// What libxml2's two parsers have in common here: where the octets come from, and where what they tell goes.
class MarkupParser {
    var source: DocumentSource
    var builder: RichTextBuilder
    var losses: LossList

    init(_ octets: [UInt8], count: Int, losses: LossList) {
        source = DocumentSource(octets)
        builder = RichTextBuilder(reading: count)
        self.losses = losses
    }

    /// The document and what it lost.
    func finish() -> (ByteBuffer, [Loss]) {
        if source.isCut { losses.addDocument("cut off where its markup goes beyond what is taken") }
        guard let document = builder.finish() else {
            losses.addDocument("would become too large")
            return (ByteBuffer(), losses.losses)
        }
        if builder.isWithoutMarks { losses.add("marks", "too many for the length of the text") }
        return (document, losses.losses)
    }

    /// An element begins that means the same in HTML and in XHTML-IM.
    ///
    /// `formats` are marks that it sets beside its own. Each call is followed by the builder's `end`.
    func start(_ element: RichTextElement, name: String, formats: RichTextFormats, attribute: (String) -> String?) {
        guard !builder.isDropping else {
            builder.start(.nothing)
            return
        }
        switch element {
        case .format(let format): builder.start(.nothing, formats.union(format))
        case .link:
            let target = attribute("href").flatMap(LinkTarget.canonical)
            if target == nil { losses.add("a", .target) }
            builder.start(.nothing, formats, target: target)
        case .lineBreak:
            builder.lineBreak()
            builder.start(.nothing)
        case .paragraph: builder.start(.paragraph, formats)
        case .transparent: builder.start(.nothing, formats)
        case .block, .line, .preformatted, .rule:
            losses.add(name, .lines)
            builder.start(MarkupParser.effect(of: element), formats)
        case .cell:
            losses.add(name, .unwrapped)
            builder.space()
            builder.start(.nothing, formats)
        case .image:
            losses.add(name, .image)
            builder.start(.nothing, formats)
            if let text = attribute("alt") { builder.text(text) }
        case .dropped:
            losses.add(name, .dropped)
            builder.start(.dropped)
        case .unknown:
            losses.add(name, .unwrapped)
            builder.start(.nothing, formats)
        }
    }

    private static func effect(of element: RichTextElement) -> RichTextBuilder.Effect {
        switch element {
        case .line: .line
        case .preformatted: .preformatted
        default: .block
        }
    }

    /// libxml2 wants itself readied once, before anything else.
    static let isReady: Bool = {
        xmlInitParser()
        return true
    }()

    static func parser(_ context: UnsafeMutableRawPointer?) -> MarkupParser? {
        context.map { Unmanaged<MarkupParser>.fromOpaque($0).takeUnretainedValue() }
    }

    /// How libxml2 asks for more.
    static let read: xmlInputReadCallback = { context, room, count in
        guard let parser = MarkupParser.parser(context), let room, count > 0 else { return 0 }
        let place = UnsafeMutableRawBufferPointer(start: room, count: Int(count))
        return CInt(parser.source.read(into: place, depth: parser.builder.depth))
    }

    /// How libxml2 tells text.
    static let characters: charactersSAXFunc = { context, octets, count in
        guard let parser = MarkupParser.parser(context), let octets, count > 0 else { return }
        parser.source.note()
        parser.text(UnsafeBufferPointer(start: octets, count: Int(count)))
    }

    /// How libxml2 tells what is of no interest here but that it is over.
    static let comment: commentSAXFunc = { context, _ in MarkupParser.parser(context)?.source.note() }

    /// Text as it is meant.
    func text(_ octets: UnsafeBufferPointer<UInt8>) {
        builder.text(octets)
    }
}
