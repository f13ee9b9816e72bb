// SPDX-License-Identifier: Apache-2.0
import NIOCore
import XMLStream

/// XML streams in pieces, and text on its way into XML and out again.
enum XMLBody {
    static func run(_ octets: [UInt8]) throws(Violation) {
        var input = FuzzInput(octets)
        let choice = input.octet()
        if choice & 3 == 3 { return try text(input.remaining()) }
        let limits = XMLLimits.fuzzed(choice >> 2)
        let seed = UInt64(input.octet())
        let stream = input.remaining()
        let whole = try read(stream, limits: limits) { _ in .max }
        var draw = Draw(state: seed)
        let pieces = try read(stream, limits: limits) { _ in
            seed == 0 ? 1 : Int.random(in: 1...Int(seed), using: &draw)
        }
        try compare(whole, pieces)
        if whole.failure == nil { try again(whole) }
    }

    /// What came out of a stream.
    private struct Reading {
        var events: [XMLCopy] = []
        /// Why it failed, if it had when its octets were fed.
        var failure: XMLStreamFailure?
        /// Why it failed at the latest once something wrong came behind them; before it, a fault may be unnoticed.
        var lateFailure: XMLStreamFailure?
    }

    private static func read(
        _ stream: ByteBuffer,
        limits: XMLLimits,
        _ size: (Int) -> Int
    ) throws(Violation) -> Reading {
        let parser = XMLStreamParser(vocabulary: XMLCopy.vocabulary, limits: limits)
        var rest = stream
        var reading = Reading()
        var isClosed = false
        while rest.readableBytes > 0 {
            let count = min(size(rest.readableBytes), rest.readableBytes)
            guard let piece = rest.readSlice(length: count) else { break }
            let failed = parser.failure
            parser.feed(piece)
            if let failed {
                try hold(parser.failure == failed && parser.events.isEmpty, "something comes after the failure")
            }
            for event in parser.events {
                try hold(!isClosed, "something comes after the end")
                let copy = try XMLCopy(event, limits: limits)
                try hold(
                    reading.events.isEmpty == (copy.kind == "open"),
                    "a stream that does not begin with its element"
                )
                if copy.kind == "close" { isClosed = true }
                reading.events.append(copy)
            }
        }
        reading.failure = parser.failure
        parser.feed(ByteBuffer(string: "<<<<"))
        reading.lateFailure = parser.failure
        try hold(parser.events.isEmpty, "something comes out of nothing")
        return reading
    }

    /// However a stream is cut, the same comes out of it; only the limits on what is not whole yet are looked at between
    /// pieces, and may end it at other places.
    private static func compare(_ whole: Reading, _ pieces: Reading) throws(Violation) {
        let isLimited = [whole.lateFailure, pieces.lateFailure].contains { $0?.condition == .policyViolation }
        if isLimited {
            let common = min(whole.events.count, pieces.events.count)
            try hold(
                whole.events.prefix(common) == pieces.events.prefix(common),
                "pieces read otherwise than the whole"
            )
            return
        }
        try hold(whole.events == pieces.events, "pieces read otherwise than the whole")
        let conditions = [whole, pieces].map { $0.lateFailure?.condition }
        try hold(conditions[0] == conditions[1], "pieces fail otherwise than the whole: \(conditions)")
    }

    /// What was read, written and read again is the same, and is written in the same way.
    private static func again(_ first: Reading) throws(Violation) {
        let written = write(first.events)
        let second = try read(written, limits: .large) { _ in .max }
        try hold(second.failure == nil, "what was written cannot be read: \(second.failure?.text ?? "")")
        try hold(second.events.map(\.content) == first.events.map(\.content), "what was written reads otherwise")
        try hold(write(second.events) == written, "the same is written in two ways")
    }

    private static func write(_ events: [XMLCopy]) -> ByteBuffer {
        var out = ByteBuffer()
        for event in events {
            switch event.kind {
            case "open": out.writeString("<o:open xmlns:o='urn:o' xmlns=''>")
            case "close": out.writeString("</o:open>")
            default: event.content.element.write(to: &out)
            }
        }
        return out
    }

    /// Any octets can stand in text and in values: they come out as they went in, but for what no XML can hold.
    private static func text(_ octets: ByteBuffer) throws(Violation) {
        var out = ByteBuffer()
        out.writeString("<open><message id='")
        let replaced = out.writeXMLValue(octets)
        out.writeString("'>")
        try hold(out.writeXMLText(octets) == replaced, "text and values lose different octets")
        out.writeString("</message>")
        let reading = try read(out, limits: .large) { _ in .max }
        try hold(reading.failure == nil, "written text cannot be read: \(reading.failure?.text ?? "")")
        guard let element = reading.events.last?.element, reading.events.count == 2 else {
            throw Violation("written text is not one stanza")
        }
        try hold(element.text == element.id, "text and value differ")
        if replaced == 0 { try hold(element.text == octets, "text is changed without a word") }
        var again = ByteBuffer()
        try hold(again.writeXMLText(element.text) == 0, "clean text loses something")
    }
}

extension XMLLimits {
    static let large: XMLLimits = {
        var limits = XMLLimits()
        limits.stanzaOctets = 1 << 24
        limits.nodes = 1 << 20
        limits.depth = 1_000
        limits.valueOctets = 1 << 20
        limits.tagOctets = 1 << 24
        limits.nameOctets = 1 << 20
        return limits
    }()

    /// Limits that short inputs reach, or the usual ones.
    static func fuzzed(_ choice: UInt8) -> XMLLimits {
        var limits = XMLLimits()
        guard choice & 1 == 1 else { return limits }
        limits.stanzaOctets = 64 << Int(choice >> 1 & 3)
        limits.depth = 3
        limits.nodes = 6
        limits.attributes = 2
        limits.nameOctets = 24
        limits.valueOctets = 16
        limits.tagOctets = 128
        limits.skippedOctets = 512
        limits.skippedDepth = 8
        return limits
    }
}
