// SPDX-License-Identifier: Apache-2.0
package import struct NIOCore.ByteBuffer

/// Whom an attribute belongs to: a user, or a whole domain.
package enum AttributeSubject: Sendable, Hashable {
    case user(AddressField)
    case domain(ByteBuffer)

    init?(_ octets: ByteBuffer) {
        if octets.readableBytesView.contains(UInt8(ascii: "@")) {
            guard let user = AddressField(octets) else { return nil }
            self = .user(user)
        } else {
            guard isCanonicalDomain(octets) else { return nil }
            self = .domain(octets)
        }
    }

    /// The subject as it stands on the wire.
    package var octets: ByteBuffer {
        switch self {
        case .user(let user): user.octets
        case .domain(let domain): domain
        }
    }
}

/// GET: asks for attributes of a user or a domain.
package struct GetRecord: Sendable, Hashable {
    package var requester: AddressField
    package var subject: AttributeSubject
    /// The wished attributes; none asks for all that the requester may see.
    package var keys: [ByteBuffer]
    package var routing: ReplyRouting
    package var extra: [UnknownField]

    package init(requester: AddressField, subject: AttributeSubject, keys: [ByteBuffer]) {
        self.requester = requester
        self.subject = subject
        self.keys = keys
        self.routing = ReplyRouting()
        self.extra = []
    }

    /// Reads the record.
    package init(payload: ByteBuffer) throws(IMXError) {
        var requester: AddressField?
        var subject: ByteBuffer?
        keys = []
        routing = ReplyRouting()
        extra = []
        var reader = FieldReader(payload)
        while let field = try reader.next() {
            switch field.id {
            case .from: try reader.read(field, into: &requester)
            case .to: try reader.read(field, into: &subject, limit: AddressField.limit)
            case .key:
                try reader.bound(keys.count, field)
                var key: ByteBuffer?
                try reader.readText(field, into: &key, limit: 255)
                if let key { keys.append(key) }
            default:
                if try !routing.read(field, of: reader) { try reader.keep(field, in: &extra) }
            }
        }
        self.requester = try required(requester, .from)
        guard let known = AttributeSubject(try required(subject, .to)) else { throw .malformed(.to, "not an address") }
        self.subject = known
    }

    /// Appends the record to `out`.
    package func write(to out: inout ByteBuffer, tag: UInt32) {
        let start = out.beginRecord(.get, .request, tag: tag)
        out.writeField(.from, requester.octets)
        out.writeField(.to, subject.octets)
        for key in keys { out.writeField(.key, key) }
        routing.write(to: &out)
        out.writeFields(extra)
        out.endRecord(at: start)
    }
}

/// PUSH-ATTR: attributes that nobody asked for.
package struct PushAttributesRecord: Sendable, Hashable {
    package var subject: AttributeSubject
    package var attributes: [AttributeField]
    package var extra: [UnknownField]

    package init(subject: AttributeSubject, attributes: [AttributeField]) {
        self.subject = subject
        self.attributes = attributes
        self.extra = []
    }

    /// Reads the record.
    package init(payload: ByteBuffer) throws(IMXError) {
        var subject: ByteBuffer?
        attributes = []
        extra = []
        var reader = FieldReader(payload)
        while let field = try reader.next() {
            switch field.id {
            case .to: try reader.read(field, into: &subject, limit: AddressField.limit)
            case .attribute: try reader.append(field, to: &attributes)
            default: try reader.keep(field, in: &extra)
            }
        }
        guard let known = AttributeSubject(try required(subject, .to)) else { throw .malformed(.to, "not an address") }
        self.subject = known
    }

    /// Appends the record to `out`.
    package func write(to out: inout ByteBuffer) {
        let start = out.beginRecord(.pushAttributes, [], tag: 0)
        out.writeField(.to, subject.octets)
        for attribute in attributes { attribute.write(to: &out) }
        out.writeFields(extra)
        out.endRecord(at: start)
    }
}
