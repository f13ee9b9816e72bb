// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

package import struct NIOCore.ByteBuffer

/// What only some messages carry. Texts are checked UTF-8.
package struct MessageDetails: Sendable, Hashable {
    /// RFC 3339, as written.
    package var sentAt: ByteBuffer?
    package var replaces: ByteBuffer?
    /// The servers that the message came through before the one that sent this record, oldest first.
    package var trail: [ServerID] = []
    package var subjects: [LocalizedOctets] = []
    package var thread: ByteBuffer?
    package var threadParent: ByteBuffer?
    package var messageType: ByteBuffer?
    package var fromInstance: ByteBuffer?
    package var toInstance: ByteBuffer?
    package var fromName: LocalizedOctets?
    package var nativeID: ByteBuffer?
    package var losses: [LossField] = []
    package var baggage: [BaggageField] = []
    package var attributes: [AttributeField] = []
    /// What the sender does at the conversation; IMX-1 §7.2.
    package var chatState: UInt8?
    package var readReportWanted: Bool?
    /// The others that the message is said to be for.
    package var recipients: [RecipientField] = []
    package var routing = ReplyRouting()
    package var extra: [UnknownField] = []

    package init() {}

    /// The most octets of an instance.
    static let instanceLimit = 1023

    /// Reads a field that is none of the common ones.
    @inline(never)
    static func read(
        _ field: FieldRange,
        of reader: borrowing FieldReader,
        into details: inout MessageDetails?
    ) throws(IMXError) {
        var rest = details.take() ?? MessageDetails()
        try rest.read(field, of: reader)
        details = rest
    }

    private mutating func read(_ field: FieldRange, of reader: borrowing FieldReader) throws(IMXError) {
        switch field.id {
        case .sentAt: try reader.readText(field, into: &sentAt, limit: 64)
        case .replaces: try reader.read(field, into: &replaces, limit: MessageID.limit)
        case .trail:
            try reader.bound(trail.count, field)
            trail.append(try reader.serverID(field))
        case .subject:
            try reader.bound(subjects.count, field)
            subjects.append(try LocalizedOctets(reader.nested(field)))
        case .thread: try reader.readText(field, into: &thread, limit: 1024)
        case .threadParent: try reader.readText(field, into: &threadParent, limit: 1024)
        case .messageType: try reader.readText(field, into: &messageType, limit: 64)
        case .fromInstance: try reader.read(field, into: &fromInstance, limit: Self.instanceLimit)
        case .toInstance: try reader.read(field, into: &toInstance, limit: Self.instanceLimit)
        case .fromName:
            guard fromName == nil else { throw .malformed(field.id, "appears twice") }
            fromName = try LocalizedOctets(reader.nested(field))
        case .nativeID: try reader.read(field, into: &nativeID, limit: 1024)
        case .loss:
            try reader.bound(losses.count, field)
            losses.append(try LossField(reader.nested(field)))
        case .baggage:
            try reader.bound(baggage.count, field)
            baggage.append(try BaggageField(reader.nested(field)))
        case .attribute: try reader.append(field, to: &attributes)
        case .chatState: try reader.read(field, into: &chatState)
        case .readReportWanted: try reader.read(field, into: &readReportWanted)
        case .recipient:
            try reader.bound(recipients.count, field)
            recipients.append(try RecipientField(reader.nested(field)))
        default:
            if try routing.read(field, of: reader) { return }
            try reader.keep(field, in: &extra)
        }
    }

    /// Appends the fields to `out`.
    func write(to out: inout ByteBuffer) {
        out.writeField(.sentAt, sentAt)
        out.writeField(.replaces, replaces)
        for server in trail { out.writeField(.trail, server) }
        for subject in subjects { subject.write(.subject, to: &out) }
        out.writeField(.thread, thread)
        out.writeField(.threadParent, threadParent)
        out.writeField(.messageType, messageType)
        out.writeField(.fromInstance, fromInstance)
        out.writeField(.toInstance, toInstance)
        fromName?.write(.fromName, to: &out)
        out.writeField(.nativeID, nativeID)
        for loss in losses { loss.write(to: &out) }
        for piece in baggage { piece.write(to: &out) }
        for attribute in attributes { attribute.write(to: &out) }
        out.writeField(.chatState, chatState)
        if let readReportWanted { out.writeField(.readReportWanted, readReportWanted) }
        for recipient in recipients { recipient.write(to: &out) }
        routing.write(to: &out)
        out.writeFields(extra)
    }
}
