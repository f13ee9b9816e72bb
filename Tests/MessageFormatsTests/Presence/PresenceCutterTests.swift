// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import MessageFormats
import NIOCore
import Testing

/// Presence documents that are too large.
@Suite("Saying less of somebody's presence")
struct PresenceCutterTests {
    private func body(_ document: PresenceDocument) -> Body {
        .parts([BodyPart(mediaType: PresenceDocument.mediaType, octets: PIDFWriter.octets(of: document))])
    }

    private func document() -> PresenceDocument {
        var document = PresenceDocument(entity: "pres:bob@b.example")
        document.notes = [LocalizedText("all of it", language: "en")]
        document.extensions = [ByteBuffer(string: "<x xmlns=\"urn:x\">1</x>")]
        for number in 0..<5 {
            var tuple = PresenceTuple(id: "t\(number)", basic: .open)
            tuple.show = number == 0 ? .dnd : .away
            tuple.notes = [LocalizedText("note \(number)", language: "de")]
            tuple.statusExtensions = [ByteBuffer(string: "<y xmlns=\"urn:y\">2</y>")]
            tuple.extensions = [ByteBuffer(string: "<z xmlns=\"urn:z\">3</z>")]
            document.tuples.append(tuple)
        }
        return document
    }

    @Test("RFC2779 3.2.3: extensions go first, then notes, then devices, and who is there at all is said to the last")
    func order() throws {
        let (cutter, reader) = (PresenceCutter(), PIDFReader(mode: .tolerant))
        var steps: [PresenceDocument] = []
        var body = body(document())
        while let less = cutter.smaller(body) {
            #expect(less.octetCount < body.octetCount)
            body = less
            steps.append(try reader.read(body).get().document)
        }
        let plain = steps.map { step in step.extensions.isEmpty && step.tuples.allSatisfy(\.extensions.isEmpty) }
        #expect(plain == [true, true, true, true, true])
        #expect(steps.map { !$0.notes.isEmpty } == [true, false, false, false, false])
        #expect(steps.map(\.tuples.count) == [5, 5, 3, 2, 1])
        #expect(steps.allSatisfy { $0.tuples.first?.show == .dnd && $0.tuples.first?.basic == .open })
    }

    @Test(
        "E33, E34: what is signed, sealed or something else is not cut",
        arguments: ["text/plain", "application/pkcs7-mime"]
    )
    func others(type: String) {
        let other = Body.parts([BodyPart(mediaType: type, octets: ByteBuffer(string: "whatever it is"))])
        #expect(PresenceCutter().smaller(other) == nil)
        var signed = BodyPart(mediaType: PresenceDocument.mediaType, octets: PIDFWriter.octets(of: document()))
        signed.isOpaque = true
        #expect(PresenceCutter().smaller(.parts([signed])) == nil)
        #expect(PresenceCutter().smaller(.none) == nil)
    }
}
