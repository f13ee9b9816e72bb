// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

package import struct NIOCore.ByteBuffer

/// A text and its language: nested fields text and lang.
package struct LocalizedOctets: Sendable, Hashable {
    package var text: ByteBuffer
    package var language: ByteBuffer?

    package init(text: ByteBuffer, language: ByteBuffer? = nil) {
        self.text = text
        self.language = language
    }

    init(_ fields: FieldReader) throws(IMXError) {
        var reader = fields
        var text: ByteBuffer?
        while let field = try reader.next() {
            switch field.id {
            case .text: try reader.readText(field, into: &text)
            case .language: try reader.readText(field, into: &language, limit: 64)
            default: try reader.skip(field)
            }
        }
        self.text = try required(text, .text)
    }

    func write(_ id: FieldID, to out: inout ByteBuffer) {
        let start = out.beginField(id)
        out.writeField(.text, text)
        out.writeField(.language, language)
        out.endField(at: start)
    }
}

/// Something that a translation could not carry: nested fields feature and text.
package struct LossField: Sendable, Hashable {
    package var feature: ByteBuffer
    package var reason: ByteBuffer

    package init(feature: ByteBuffer, reason: ByteBuffer) {
        self.feature = feature
        self.reason = reason
    }

    init(_ fields: FieldReader) throws(IMXError) {
        var reader = fields
        var feature: ByteBuffer?
        var reason: ByteBuffer?
        while let field = try reader.next() {
            switch field.id {
            case .lossFeature: try reader.readText(field, into: &feature, limit: 256)
            case .text: try reader.readText(field, into: &reason, limit: 1024, mayBeEmpty: true)
            default: try reader.skip(field)
            }
        }
        self.feature = try required(feature, .lossFeature)
        self.reason = reason ?? ByteBuffer()
    }

    func write(to out: inout ByteBuffer) {
        let start = out.beginField(.loss)
        out.writeField(.text, reason)
        out.writeField(.lossFeature, feature)
        out.endField(at: start)
    }
}

/// Something of one protocol that travels unread: nested fields origin, name, octets and critical.
package struct BaggageField: Sendable, Hashable {
    package var origin: ByteBuffer
    package var name: ByteBuffer
    package var octets: ByteBuffer
    package var isCritical: Bool

    package init(origin: ByteBuffer, name: ByteBuffer, octets: ByteBuffer, isCritical: Bool = false) {
        self.origin = origin
        self.name = name
        self.octets = octets
        self.isCritical = isCritical
    }

    init(_ fields: FieldReader) throws(IMXError) {
        var reader = fields
        var origin: ByteBuffer?
        var name: ByteBuffer?
        var octets: ByteBuffer?
        var isCritical: Bool?
        while let field = try reader.next() {
            switch field.id {
            case .baggageOrigin: try reader.readText(field, into: &origin, limit: 64)
            case .baggageName: try reader.readText(field, into: &name, limit: 1024)
            case .baggageOctets: try reader.read(field, into: &octets, mayBeEmpty: true)
            case .baggageCritical: try reader.read(field, into: &isCritical)
            default: try reader.skip(field)
            }
        }
        self.origin = try required(origin, .baggageOrigin)
        self.name = try required(name, .baggageName)
        self.octets = octets ?? ByteBuffer()
        self.isCritical = isCritical ?? false
    }

    func write(to out: inout ByteBuffer) {
        let start = out.beginField(.baggage)
        out.writeField(.baggageOrigin, origin)
        out.writeField(.baggageName, name)
        out.writeField(.baggageOctets, octets)
        if isCritical { out.writeField(.baggageCritical, true) }
        out.endField(at: start)
    }
}

/// An attribute: nested fields key, type, value, seconds and status.
package struct AttributeField: Sendable, Hashable {
    package var key: ByteBuffer
    /// The media type of the value.
    package var type: ByteBuffer?
    package var value: ByteBuffer?
    /// The seconds that the value may be kept.
    package var seconds: UInt32?
    /// The outcome for this key, where it is not 2000.
    package var status: UInt16?

    package init(
        key: ByteBuffer,
        type: ByteBuffer? = nil,
        value: ByteBuffer? = nil,
        seconds: UInt32? = nil,
        status: UInt16? = nil
    ) {
        self.key = key
        self.type = type
        self.value = value
        self.seconds = seconds
        self.status = status
    }

    init(_ fields: FieldReader) throws(IMXError) {
        var reader = fields
        var key: ByteBuffer?
        while let field = try reader.next() {
            switch field.id {
            case .key: try reader.readText(field, into: &key, limit: 255)
            case .attributeType: try reader.readText(field, into: &type, limit: 255)
            case .attributeValue: try reader.read(field, into: &value, mayBeEmpty: true)
            case .attributeSeconds: try reader.read(field, into: &seconds)
            case .attributeStatus: try reader.read(field, into: &status)
            default: try reader.skip(field)
            }
        }
        self.key = try required(key, .key)
    }

    func write(to out: inout ByteBuffer) {
        let start = out.beginField(.attribute)
        out.writeField(.key, key)
        out.writeField(.attributeType, type)
        out.writeField(.attributeValue, value)
        out.writeField(.attributeSeconds, seconds)
        out.writeField(.attributeStatus, status)
        out.endField(at: start)
    }
}

/// Somebody else whom a message is said to be for: nested fields kind, uri and text.
package struct RecipientField: Sendable, Hashable {
    /// 1 to, 2 cc; others say nothing.
    package var kind: UInt8
    package var uri: ByteBuffer
    package var name: ByteBuffer?

    package init(kind: UInt8, uri: ByteBuffer, name: ByteBuffer? = nil) {
        self.kind = kind
        self.uri = uri
        self.name = name
    }

    init(_ fields: FieldReader) throws(IMXError) {
        var reader = fields
        var kind: UInt8?
        var uri: ByteBuffer?
        while let field = try reader.next() {
            switch field.id {
            case .recipientKind: try reader.read(field, into: &kind)
            case .uri: try reader.readText(field, into: &uri, limit: Bound.uri)
            case .text: try reader.readText(field, into: &name, limit: Bound.identifier)
            default: try reader.skip(field)
            }
        }
        self.kind = try required(kind, .recipientKind)
        self.uri = try required(uri, .uri)
    }

    func write(to out: inout ByteBuffer) {
        let start = out.beginField(.recipient)
        out.writeField(.recipientKind, kind)
        out.writeField(.uri, uri)
        out.writeField(.text, name)
        out.endField(at: start)
    }
}

/// What all operations on presence and attributes may say of their handling.
package struct Handling: Sendable, Hashable {
    package var hops: UInt8?
    /// The milliseconds that the receiver may take to answer.
    package var deadline: UInt32?
    package var trace: TraceID?

    package init(hops: UInt8? = nil, deadline: UInt32? = nil, trace: TraceID? = nil) {
        self.hops = hops
        self.deadline = deadline
        self.trace = trace
    }

    /// Reads the field if it is one of the three.
    mutating func read(_ field: FieldRange, of reader: borrowing FieldReader) throws(IMXError) -> Bool {
        switch field.id {
        case .hops: try reader.read(field, into: &hops)
        case .deadline: try reader.read(field, into: &deadline)
        case .trace: try reader.read(field, into: &trace)
        default: return false
        }
        return true
    }

    func write(to out: inout ByteBuffer) {
        out.writeField(.hops, hops)
        out.writeField(.deadline, deadline)
        if let trace { out.writeField(.trace, trace) }
    }
}

/// What leads an answer back to the very process that asked: origin, route and same-connection-please.
package struct ReplyRouting: Sendable, Hashable {
    package var origin: ServerID?
    /// 1 to 64 opaque octets, echoed in the answer.
    package var route: ByteBuffer?
    package var sameConnection: Bool?

    package init(origin: ServerID? = nil, route: ByteBuffer? = nil, sameConnection: Bool? = nil) {
        self.origin = origin
        self.route = route
        self.sameConnection = sameConnection
    }

    /// Reads the field if it is one of the three.
    mutating func read(_ field: FieldRange, of reader: borrowing FieldReader) throws(IMXError) -> Bool {
        switch field.id {
        case .origin: try reader.read(field, into: &origin)
        case .route: try reader.read(field, into: &route, limit: 64)
        case .sameConnection: try reader.read(field, into: &sameConnection)
        default: return false
        }
        return true
    }

    func write(to out: inout ByteBuffer) {
        if let origin { out.writeField(.origin, origin) }
        out.writeField(.route, route)
        if let sameConnection { out.writeField(.sameConnection, sameConnection) }
    }
}
