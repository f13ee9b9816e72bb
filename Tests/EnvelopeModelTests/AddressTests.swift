// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@Suite("Addresses")
struct AddressTests {
    @Test("IMX 2.3, RFC2779 2.1.4: a local part is opaque: case and normal form stay, and differ")
    func opaque() throws {
        let composed = try #require(Address("caf\u{E9}@x.example"))
        let decomposed = try #require(Address("cafe\u{301}@x.example"))
        #expect(composed != decomposed)
        #expect(Address("Ann@x.example") != Address("ann@x.example"))
        #expect(Address("Ann@X.EXAMPLE.")?.description == "Ann@x.example")
    }

    @Test(
        "IMX 4.2.1, H.1: what is no address is refused",
        arguments: [
            "", "@x.example", "a@", "a@b@x.example", "a\u{0}b@x.example", "a\nb@x.example", "a@x..example", "a",
        ]
    )
    func refused(_ text: String) {
        #expect(Address(text) == nil)
    }

    @Test("H.1: a local part has at most 1,024 octets")
    func length() {
        #expect(Address(String(repeating: "a", count: 1024) + "@x.example") != nil)
        #expect(Address(String(repeating: "a", count: 1025) + "@x.example") == nil)
    }

    @Test(
        "S23, IMX 4.4.10: a local part is well-formed UTF-8",
        arguments: [[0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0xFF]] as [[UInt8]]
    )
    func illFormed(_ octets: [UInt8]) throws {
        let domain = try #require(Domain("x.example"))
        #expect(Address(localPart: ByteBuffer(bytes: octets), domain: domain) == nil)
    }

    @Test("property: what is written reads back as the same address")
    func roundTrip() throws {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("abcXYZ0189.-_ \\/'&<>\"é日🙂")
        for _ in 0..<2000 {
            let local = String(
                (0..<Int.random(in: 1...20, using: &generator)).map { _ in alphabet.randomElement() ?? "a" }
            )
            let address = try #require(Address(local + "@some.example"))
            #expect(Address(address.description) == address)
            #expect(Address(canonical: ByteBuffer(string: address.description)) == address)
        }
    }
}

@Suite("Envelopes")
struct EnvelopeTests {
    @Test("C.4: a detached envelope equals the one it was made of, and shares no memory with it")
    func detach() throws {
        let big = ByteBuffer(string: String(repeating: "x", count: 65_536) + "ann@a.examplem1body")
        let local = try #require(big.getSlice(at: 65_536, length: 3))
        let source = Address(localPart: local, domain: try #require(Domain("a.example")))
        let id = try #require(big.getSlice(at: 65_549, length: 2))
        let content = try #require(big.getSlice(at: 65_551, length: 4))
        var envelope = Envelope(
            source: try #require(source),
            destination: try #require(Address("bob@b.example")),
            messageID: try #require(MessageID(id)),
            trace: TraceID(high: 1, low: 2),
            body: .entity(content)
        )
        let original = envelope
        envelope.detach()
        #expect(envelope == original)
        #expect(envelope.source.localPart.storageCapacity < 1024)
        #expect(envelope.octetCount == original.octetCount)
    }

    @Test("F.6, I.1.5: each code has one disposition, by its class where it is unknown")
    func dispositions() {
        #expect(Outcome(.delivered).disposition == .delivered)
        #expect(Outcome(.uncertain).disposition == .uncertain)
        #expect(Outcome(.timedOut).disposition == .expired)
        #expect(Outcome(.moved).disposition == .failed)
        #expect(Outcome(OutcomeCode(rawValue: 2777)).disposition == .delivered)
        #expect(Outcome(OutcomeCode(rawValue: 4777)).disposition == .failed)
        #expect(OutcomeCode(rawValue: 4777).isTemporary && !OutcomeCode(rawValue: 77).isTemporary)
        #expect(OutcomeCode(rawValue: 9999).classCode == 5000)
    }

    @Test("I.1.2: a trace identifier is thirty-two hexadecimal digits and back")
    func trace() {
        let trace = TraceID(high: 0x0102, low: .max)
        #expect(trace.description == "0000000000000102ffffffffffffffff")
        #expect(TraceID(trace.description) == trace)
        #expect(TraceID("12") == nil)
    }
}
