// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import TestSupport
import Testing

@testable import IMXWire

/// All samples that an acceptor may be sent, one after another.
private func stream() throws -> ByteBuffer {
    var stream = ByteBuffer()
    for sample in try Samples.all() where !["hello-dialler", "hello-acceptor"].contains(sample.name) {
        if sample.name.hasPrefix("close") { continue }
        stream.writeImmutableBuffer(sample.octets)
    }
    return stream
}

private func opened() -> Lone {
    var lone = Lone()
    lone.machine.markAuthenticated()
    return lone
}

private func names(_ events: [Inbound]) -> [String] {
    events.map { String("\($0)".prefix { $0 != "(" }) }
}

@Suite struct StreamTests {
    private static let expected = [
        "redirect", "claim", "verify", "proof", "message", "message", "report", "report", "message", "subscribe",
        "subscribe", "notify", "notify", "notify", "get", "get", "pushAttributes",
    ]

    @Test("I.1.4: many records at once, one octet at a time, and anything between", arguments: [1, 2, 3, 11, 13, 97])
    func pieces(step: Int) throws {
        var whole = opened()
        #expect(names(whole.after(try stream())) == Self.expected)
        var lone = opened()
        var events: [Inbound] = []
        for piece in try stream().pieces(step) { events += lone.after(piece) }
        #expect(events.map { "\($0)" }.count == Self.expected.count)
        #expect(names(events) == Self.expected)
        #expect(lone.sent == whole.sent)
        #expect(lone.machine.counters.recordsIn == whole.machine.counters.recordsIn)
    }

    @Test("I.1.4: pieces of random size, all read before any record is taken", arguments: 1...20 as ClosedRange<UInt64>)
    func batches(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var rest = try stream()
        var lone = opened()
        var events: [Inbound] = []
        while rest.readableBytes > 0 {
            for _ in 0..<Int.random(in: 1...3, using: &generator) where rest.readableBytes > 0 {
                let size = Int.random(in: 1...min(200, rest.readableBytes), using: &generator)
                if let piece = rest.readSlice(length: size) { lone.feed(piece) }
            }
            events += lone.events()
        }
        #expect(names(events) == Self.expected)
    }

    @Test("I.1.4: no prefix of a golden stream does more than what is whole in it")
    func prefixes() throws {
        let stream = try stream()
        for length in 0...stream.readableBytes {
            var lone = opened()
            let prefix = try #require(stream.getSlice(at: 0, length: length))
            let events = names(lone.after(prefix))
            #expect(Self.expected.starts(with: events))
            #expect(ending(lone.events()) == nil)
        }
    }

    @Test(
        "I.1.4: every prefix of every payload is refused or read, and nothing else",
        arguments: try Samples.all().map(\.name)
    )
    func truncated(name: String) throws {
        let sample = try #require(try Samples.all().first { $0.name == name }).octets
        for length in 0..<sample.payload.readableBytes {
            var cut = try #require(sample.getSlice(at: 0, length: RecordHeader.size + length))
            cut.setInteger(UInt32(length), at: 0)
            do {
                _ = try Samples.rewrite(cut)
            } catch let error as IMXError {
                #expect(error.code == .malformed)
            }
        }
    }

    @Test(
        "I.1.4: lengths one off, zero and at the top harm nothing but their connection",
        arguments: try Samples.all().map(\.name)
    )
    func lengths(name: String) throws {
        let sample = try #require(try Samples.all().first { $0.name == name }).octets
        let real = try #require(sample.recordHeader).length
        for length in [real &- 1, real &+ 1, 0, .max, .max - 11, 0x7FFF_FFFF, 0x8000_0000, 65_536, 65_537] {
            var changed = sample
            changed.setInteger(length, at: 0)
            var lone = opened()
            _ = lone.after(changed)
            _ = lone.after(changed)
            // What came twice, in a buffer that grows by doubling.
            #expect(lone.machine.partial.capacity <= max(1024, 4 * sample.readableBytes))
        }
    }

    @Test(
        "IMX 4.4.9: octets changed at random never do worse than close the connection",
        arguments: 1...40 as ClosedRange<UInt64>
    )
    func mutations(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let stream = try stream()
        for _ in 0..<40 {
            var changed = stream
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let index = Int.random(in: 0..<changed.readableBytes, using: &generator)
                changed.setInteger(UInt8.random(in: 0...255, using: &generator), at: index)
            }
            var lone = opened()
            for piece in changed.pieces(Int.random(in: 1...400, using: &generator)) { _ = lone.after(piece) }
            #expect(lone.sent.readableBytes <= 4 * changed.readableBytes)
        }
    }

    @Test(
        "IMX 4.4.9: noise after the opening never does worse than close the connection",
        arguments: 1...20 as ClosedRange<UInt64>
    )
    func noise(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<40 {
            var noise = ByteBuffer()
            for _ in 0..<64 { noise.writeInteger(generator.next() & 0x0F0F_0F0F_FFFF_FFFF) }
            var lone = Lone(open: false)
            _ = lone.after(octets("89494D580D0A1A0A"))
            _ = lone.after(noise)
            var open = opened()
            _ = open.after(noise)
        }
    }

    @Test("I.1.4: a flood of tiny records costs an authenticated peer nothing but their octets")
    func tiny() {
        var lone = opened()
        var batch = ByteBuffer()
        for _ in 0..<10_000 { batch.writeImmutableBuffer(octets("00000000 1A1A 00 00 00000000")) }
        for _ in 0..<20 {
            lone.feed(batch)
            if lone.machine.next(now: lone.now) != nil { Issue.record("said something") }
        }
        #expect(lone.machine.counters.unknownRecords == 200_000)
        #expect(lone.sent.readableBytes == 0)
    }

    @Test("I.1.1: a request up to four times too large is answered 5009 and passed over")
    func oversize() {
        for length in [65_537, 262_144] {
            var lone = opened()
            var record = octets("00000000 0020 01 00 00000005")
            record.setInteger(UInt32(length), at: 0)
            var events: [Inbound] = lone.after(record)
            let chunk = ByteBuffer(repeating: 0x41, count: length / 2)
            events += lone.after(chunk) + lone.after(ByteBuffer(repeating: 0x41, count: length - length / 2))
            #expect(ending(events) == nil)
            #expect(lone.sent.records.first?.header.tag == 5)
            #expect(
                lone.sent.records.first?.octets.payload.hex.hasPrefix("012000000002 1391".filter { $0 != " " }) == true
            )
            #expect(lone.after(octets("00000000 0004 01 00 00000006")).isEmpty)
            #expect(lone.sent.records.count == 2)
        }
    }

    @Test(
        "I.1.1: other oversize records close the connection",
        arguments: ["00040001 0020 01 00 00000005", "00010001 0020 00 00 00000000", "FFFFFFFF 1A1A 00 00 00000000"]
    )
    func tooLarge(header: String) {
        var lone = opened()
        #expect(failure(lone.after(octets(header))) == .tooLarge)
    }
}
