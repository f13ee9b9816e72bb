// SPDX-License-Identifier: Apache-2.0
import MessageFormats
import NIOCore

/// Presence documents: whatever was read can be written, and reads as the same document; who mends reads no less than
/// who does not; and nothing goes beyond its bounds.
enum PIDFBody {
    static func run(_ octets: [UInt8]) throws(Violation) {
        guard let choice = octets.first else { return }
        let types = ["", "; charset=utf-8", "; charset=iso-8859-1", "; charset=utf-16", "; charset=us-ascii"]
        let type = PresenceDocument.mediaType + types[Int(choice) % types.count]
        let document = ByteBuffer(bytes: octets.dropFirst())
        let strict = try? PIDFReader(mode: .strict).read(document, as: type).get()
        let tolerant = try? PIDFReader(mode: .tolerant).read(document, as: type).get()
        try hold(strict == nil || tolerant != nil, "what is right is mended until it is refused")
        guard let tolerant else { return }
        try bounds(tolerant)
        try again(tolerant.document)
        guard let strict else { return }
        try bounds(strict)
        try again(strict.document)
        try hold(strict.document.tuples.map(\.id) == tolerant.document.tuples.map(\.id), "other tuples")
    }

    private static func bounds(_ reading: PIDFReading) throws(Violation) {
        let limits = PIDFLimits()
        try hold(reading.findings.count <= limits.findings, "\(reading.findings.count) findings")
        try hold(reading.document.tuples.count <= limits.tuples, "\(reading.document.tuples.count) tuples")
        try hold(!reading.document.entity.isEmpty, "a document about nobody")
        try hold(Set(reading.document.tuples.map(\.id)).count == reading.document.tuples.count, "one id twice")
        _ = (reading.document.address, reading.document.basic, reading.document.tuplesByPriority)
    }

    /// Both readers find the same in what is written.
    private static func again(_ document: PresenceDocument) throws(Violation) {
        var expected = document
        // Ids that are no names are written as names; two of them could meet.
        for index in expected.tuples.indices where !PIDFTupleID.isLegal(expected.tuples[index].id) {
            expected.tuples[index].id = PIDFTupleID.encode(expected.tuples[index].id)
        }
        guard Set(expected.tuples.map(\.id)).count == expected.tuples.count else { return }
        let written = PIDFWriter.octets(of: document)
        for mode in [PIDFReader.Mode.strict, .tolerant] {
            let reading: PIDFReading
            switch PIDFReader(mode: mode).read(written) {
            case .success(let read): reading = read
            case .failure(let refusal): throw Violation("what was written is refused: \(refusal)")
            }
            try hold(reading.document == expected, "a document changes: \(String(buffer: written))")
            // A status may say nothing, and an extension may demand what we do not know; else all is well.
            let rules: Set<PIDFFinding.Rule> = [.emptyStatus, .mustUnderstand, .timestamp]
            try hold(rules.isSuperset(of: reading.findings.map(\.rule)), "\(reading.findings)")
        }
        let age = document.age(after: document)
        try hold(age == .same, "a document is \(age) beside itself")
    }
}
