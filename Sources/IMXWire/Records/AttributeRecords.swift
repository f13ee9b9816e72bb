// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

package import struct NIOCore.ByteBuffer

/// A party of an operation on attributes: a user, or a whole domain.
package enum AttributeParty: Sendable, Hashable {
    case user(AddressField)
    case domain(ByteBuffer)

    /// The party in the field `id`, which must be there.
    init(_ octets: ByteBuffer?, _ id: FieldID) throws(IMXError) {
        let octets = try required(octets, id)
        if let user = AddressField(octets) {
            self = .user(user)
        } else {
            guard isCanonicalDomain(octets) else { throw .malformed(id, "neither an address nor a domain") }
            self = .domain(octets)
        }
    }

    /// The party as it stands on the wire.
    package var octets: ByteBuffer {
        switch self {
        case .user(let user): user.octets
        case .domain(let domain): domain
        }
    }

    /// The canonical domain's octets.
    package var domain: ByteBuffer {
        switch self {
        case .user(let user): user.domain
        case .domain(let domain): domain
        }
    }

    /// The party's address, for one who has found the domain already by its octets.
    package func address(at domain: Domain) -> Address {
        switch self {
        case .user(let user): user.address(at: domain)
        case .domain: .domainItself(domain)
        }
    }
}

/// GET: asks for attributes of a user or a domain.
package struct GetRecord: Sendable, Hashable {
    package var requester: AttributeParty
    package var subject: AttributeParty
    /// The wished attributes; none asks for all that the requester may see.
    package var keys: [ByteBuffer]
    package var handling: Handling
    package var routing: ReplyRouting
    package var extra: [UnknownField]

    package init(requester: AttributeParty, subject: AttributeParty, keys: [ByteBuffer]) {
        self.requester = requester
        self.subject = subject
        self.keys = keys
        self.handling = Handling()
        self.routing = ReplyRouting()
        self.extra = []
    }

    /// Reads the record.
    package init(payload: ByteBuffer) throws(IMXError) {
        var requester: ByteBuffer?
        var subject: ByteBuffer?
        keys = []
        handling = Handling()
        routing = ReplyRouting()
        extra = []
        var reader = FieldReader(payload)
        while let field = try reader.next() {
            switch field.id {
            case .from: try reader.read(field, into: &requester, limit: AddressField.limit)
            case .to: try reader.read(field, into: &subject, limit: AddressField.limit)
            case .key:
                try reader.bound(keys.count, field)
                var key: ByteBuffer?
                try reader.readText(field, into: &key, limit: Attribute.keyLimit)
                if let key { keys.append(key) }
            default:
                if try handling.read(field, of: reader) { continue }
                if try !routing.read(field, of: reader) { try reader.keep(field, in: &extra) }
            }
        }
        self.requester = try AttributeParty(requester, .from)
        self.subject = try AttributeParty(subject, .to)
    }

    /// Appends the record to `out`.
    package func write(to out: inout ByteBuffer, tag: UInt32) {
        let start = out.beginRecord(.get, .request, tag: tag)
        out.writeField(.from, requester.octets)
        out.writeField(.to, subject.octets)
        handling.write(to: &out)
        for key in keys { out.writeField(.key, key) }
        routing.write(to: &out)
        out.writeFields(extra)
        out.endRecord(at: start)
    }
}

/// PUSH-ATTR: attributes that nobody asked for.
package struct PushAttributesRecord: Sendable, Hashable {
    package var subject: AttributeParty
    package var attributes: [AttributeField]
    package var extra: [UnknownField]

    package init(subject: AttributeParty, attributes: [AttributeField]) {
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
        self.subject = try AttributeParty(subject, .to)
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
