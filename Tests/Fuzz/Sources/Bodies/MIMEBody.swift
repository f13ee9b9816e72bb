// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import MessageFormats
import NIOCore

/// MIME entities: what was read can be written, and reads as the same parts unless a loss is named.
enum MIMEBody {
    static func run(_ octets: [UInt8]) throws(Violation) {
        let entity = ByteBuffer(bytes: octets)
        guard let from = Address("alice@a.example"), let to = Address("bob@b.example") else { return }
        try cpim(entity)
        _ = MIMEEntity.plainText(of: .entity(entity))
        guard case .success(let parts) = MIMEEntity.parts(of: entity) else { return }
        try hold(!parts.isEmpty && parts.count <= MIMELimits().parts, "\(parts.count) parts")
        var out = ByteBuffer()
        let losses = MIMEEntity.write(body: .parts(parts), from: from, to: to, into: &out)
        let again: MIMEEntity
        do throws(MIMEError) {
            again = try MIMEEntity(reading: out)
        } catch {
            // One multipart alone is written as it is, and may be more than its reader takes.
            try hold(parts.count == 1 || !losses.isEmpty, "parts that were written cannot be read: \(error)")
            return
        }
        try hold(again.from == "alice@a.example" && again.to == "bob@b.example", "other parties")
        guard losses.isEmpty, parts.count > 1 || again.structure == .single else { return }
        try hold(again.parts.count == parts.count, "\(again.parts.count) parts and not \(parts.count)")
        for (one, other) in zip(parts, again.parts) {
            try hold(one.octets == other.octets, "a part's content changes")
            try hold(one.mediaType == other.mediaType, "a part's type changes")
        }
    }

    private static func cpim(_ octets: ByteBuffer) throws(Violation) {
        for start in [CPIMMessage.Start.objectHeaders, .messageHeaders] {
            guard let message = try? CPIMMessage(reading: octets, from: start) else { continue }
            try hold(message.octets == octets, "an object changes")
            try hold(message.content.readableBytes <= octets.readableBytes, "content out of nothing")
            _ = (message.from, message.to, message.cc, message.dateTime, message.subjects, message.contentType)
            _ = message.unmet(understood: [])
        }
    }
}
