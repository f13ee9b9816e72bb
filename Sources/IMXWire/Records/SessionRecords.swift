// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

package import struct NIOCore.ByteBuffer

/// CLOSE: the sender is about to leave, and which requests it has taken.
package struct CloseRecord: Sendable, Hashable {
    /// The value of `lastTag` that means: start nothing new, the real one follows.
    package static let draining: UInt32 = .max
    /// The value of `lastTag` that means: no request was taken.
    package static let nothingTaken: UInt32 = 0

    package var code: OutcomeCode
    /// The tag of the last request taken, in order of arrival.
    package var lastTag: UInt32
    package var text: ByteBuffer?
    /// The versions that the sender speaks, where it leaves because none is common.
    package var versions: ClosedRange<UInt16>?
    /// The field at fault, where one is.
    package var failedField: FieldID?

    package init(
        code: OutcomeCode,
        lastTag: UInt32,
        text: ByteBuffer? = nil,
        versions: ClosedRange<UInt16>? = nil,
        failedField: FieldID? = nil
    ) {
        self.code = code
        self.lastTag = lastTag
        self.text = text
        self.versions = versions
        self.failedField = failedField
    }

    /// Reads the record.
    package init(payload: ByteBuffer) throws(IMXError) {
        var code: UInt16?
        var lastTag: UInt32?
        var versionMin: UInt16?
        var versionMax: UInt16?
        var failedField: UInt16?
        var reader = FieldReader(payload)
        while let field = try reader.next() {
            switch field.id {
            case .code: try reader.read(field, into: &code)
            case .lastTag: try reader.read(field, into: &lastTag)
            case .text: try reader.readText(field, into: &text, limit: 1024)
            case .versionMin: try reader.read(field, into: &versionMin)
            case .versionMax: try reader.read(field, into: &versionMax)
            case .failedField: try reader.read(field, into: &failedField)
            default: try reader.skip(field)
            }
        }
        self.code = OutcomeCode(rawValue: try required(code, .code))
        self.lastTag = try required(lastTag, .lastTag)
        self.failedField = failedField.map(FieldID.init)
        if let versionMin, let versionMax, versionMin <= versionMax { versions = versionMin...versionMax }
    }

    /// Appends the record to `out`.
    package func write(to out: inout ByteBuffer) {
        let start = out.beginRecord(.close, [], tag: 0)
        out.writeField(.versionMin, versions?.lowerBound)
        out.writeField(.versionMax, versions?.upperBound)
        out.writeField(.lastTag, lastTag)
        out.writeField(.code, code.rawValue)
        out.writeField(.text, text)
        out.writeField(.failedField, failedField?.rawValue)
        out.endRecord(at: start)
    }
}

/// REDIRECT: go to another host for a domain.
package struct RedirectRecord: Sendable, Hashable {
    /// What moves.
    package enum Scope: UInt8, Sendable, Hashable {
        /// New work goes to the other host; work in flight ends here.
        case newWork = 0
        /// All work goes there; the sender is about to close.
        case all = 1
    }

    package var domain: ByteBuffer
    package var host: ByteBuffer
    package var port: UInt16
    package var seconds: UInt32
    package var scope: Scope

    package init(domain: ByteBuffer, host: ByteBuffer, port: UInt16, seconds: UInt32, scope: Scope) {
        self.domain = domain
        self.host = host
        self.port = port
        self.seconds = seconds
        self.scope = scope
    }

    /// Reads the record.
    package init(payload: ByteBuffer) throws(IMXError) {
        var domain: ByteBuffer?
        var host: ByteBuffer?
        var port: UInt16?
        var seconds: UInt32?
        var scope: UInt8?
        var reader = FieldReader(payload)
        while let field = try reader.next() {
            switch field.id {
            case .sourceDomain: try reader.readDomain(field, into: &domain)
            case .host: try reader.readText(field, into: &host, limit: 253)
            case .port: try reader.read(field, into: &port)
            case .seconds: try reader.read(field, into: &seconds)
            case .scope: try reader.read(field, into: &scope)
            default: try reader.skip(field)
            }
        }
        self.domain = try required(domain, .sourceDomain)
        self.host = try required(host, .host)
        self.port = try required(port, .port)
        self.seconds = try required(seconds, .seconds)
        self.scope = try required(Scope(rawValue: scope ?? 0), .scope)
    }

    /// Appends the record to `out`.
    package func write(to out: inout ByteBuffer) {
        let start = out.beginRecord(.redirect, [], tag: 0)
        out.writeField(.host, host)
        out.writeField(.port, port)
        out.writeField(.seconds, seconds)
        out.writeField(.scope, scope.rawValue)
        out.writeField(.sourceDomain, domain)
        out.endRecord(at: start)
    }
}

/// PING: a question whose answer brings the same octets back.
package struct PingRecord: Sendable, Hashable {
    /// The most octets that a ping may carry.
    package static let limit = 256

    package var opaque: ByteBuffer?

    package init(opaque: ByteBuffer? = nil) {
        self.opaque = opaque
    }

    /// Reads the record.
    package init(payload: ByteBuffer) throws(IMXError) {
        var reader = FieldReader(payload)
        while let field = try reader.next() {
            switch field.id {
            case .opaque: try reader.read(field, into: &opaque, limit: PingRecord.limit)
            default: try reader.skip(field)
            }
        }
    }
}
