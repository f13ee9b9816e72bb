// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

package import struct NIOCore.ByteBuffer

/// Thirty-two random octets that one end draws for one connection.
package struct ConnectionNonce: Sendable, Hashable {
    /// The octets in four parts.
    package let words: (UInt64, UInt64, UInt64, UInt64)

    package init(_ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64) {
        words = (a, b, c, d)
    }

    /// A nonce drawn from `random`, which must be fit for secrets.
    package init(random: inout some RandomNumberGenerator) {
        self.init(random.next(), random.next(), random.next(), random.next())
    }

    package static func == (a: ConnectionNonce, b: ConnectionNonce) -> Bool { a.words == b.words }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
        hasher.combine(words.2)
        hasher.combine(words.3)
    }
}

/// What more a peer can do, beyond what every IMX/1 peer can.
package struct Capability: RawRepresentable, Sendable, Hashable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// Binds the dial-back to the TLS session.
    package static let channelBinding = Capability(rawValue: 0x0001)
    /// Lets data flow back on the connection that carried VERIFY.
    package static let mutual = Capability(rawValue: 0x0002)
}

/// HELLO: the first record of each end.
package struct HelloRecord: Sendable, Hashable {
    package var versionMin: UInt16
    package var versionMax: UInt16
    package var serverID: ServerID
    package var software: ByteBuffer?
    /// The largest payload that the sender takes once the connection is authenticated; 65,536 where it says nothing.
    package var maxRecord: UInt32?
    /// The most unanswered requests that the sender takes; 256 where it says nothing.
    package var maxInflight: UInt32?
    /// The seconds without traffic after which the sender may close.
    package var idleSeconds: UInt32?
    package var capabilities: [Capability]
    package var nonce: ConnectionNonce
    /// The domain that the dialler was after; the dialler says it and nobody else.
    package var dialled: ByteBuffer?
    package var extra: [UnknownField]

    /// What `maxRecord` is where nothing is said.
    package static let defaultMaxRecord: UInt32 = 65_536
    /// What `maxInflight` is where nothing is said.
    package static let defaultMaxInflight: UInt32 = 256

    package init(
        versionMin: UInt16 = 1,
        versionMax: UInt16 = 1,
        serverID: ServerID,
        software: ByteBuffer? = nil,
        maxRecord: UInt32? = nil,
        maxInflight: UInt32? = nil,
        idleSeconds: UInt32? = nil,
        capabilities: [Capability] = [],
        nonce: ConnectionNonce,
        dialled: ByteBuffer? = nil,
        extra: [UnknownField] = []
    ) {
        self.versionMin = versionMin
        self.versionMax = versionMax
        self.serverID = serverID
        self.software = software
        self.maxRecord = maxRecord
        self.maxInflight = maxInflight
        self.idleSeconds = idleSeconds
        self.capabilities = capabilities
        self.nonce = nonce
        self.dialled = dialled
        self.extra = extra
    }

    /// Reads the record.
    package init(payload: ByteBuffer) throws(IMXError) {
        var versionMin: UInt16?
        var versionMax: UInt16?
        var serverID: ServerID?
        var nonce: ConnectionNonce?
        software = nil
        capabilities = []
        extra = []
        var reader = FieldReader(payload)
        while let field = try reader.next() {
            switch field.id {
            case .versionMin: try reader.read(field, into: &versionMin)
            case .versionMax: try reader.read(field, into: &versionMax)
            case .serverID: try reader.read(field, into: &serverID)
            case .software: try reader.readText(field, into: &software, limit: 256)
            case .maxRecord: try reader.read(field, into: &maxRecord)
            case .maxInflight: try reader.read(field, into: &maxInflight)
            case .idleSeconds: try reader.read(field, into: &idleSeconds)
            case .capability:
                try reader.bound(capabilities.count, field)
                var capability: UInt16?
                try reader.read(field, into: &capability)
                if let capability { capabilities.append(Capability(rawValue: capability)) }
            case .nonce: try reader.read(field, into: &nonce)
            case .dialled: try reader.readDomain(field, into: &dialled)
            default: try reader.keep(field, in: &extra)
            }
        }
        self.versionMin = try required(versionMin, .versionMin)
        self.versionMax = try required(versionMax, .versionMax)
        self.serverID = try required(serverID, .serverID)
        self.nonce = try required(nonce, .nonce)
        guard self.versionMin <= self.versionMax else { throw .malformed(.versionMax, "below version-min") }
    }

    /// Appends the record to `out`.
    package func write(to out: inout ByteBuffer) {
        let start = out.beginRecord(.hello, [], tag: 0)
        out.writeField(.versionMin, versionMin)
        out.writeField(.versionMax, versionMax)
        out.writeField(.serverID, serverID)
        out.writeField(.software, software)
        out.writeField(.maxRecord, maxRecord)
        out.writeField(.maxInflight, maxInflight)
        out.writeField(.idleSeconds, idleSeconds)
        for capability in capabilities { out.writeField(.capability, capability.rawValue) }
        out.writeMultipleIntegers(
            FieldID.nonce.rawValue,
            UInt32(32),
            nonce.words.0,
            nonce.words.1,
            nonce.words.2,
            nonce.words.3
        )
        out.writeField(.dialled, dialled)
        out.writeFields(extra)
        out.endRecord(at: start)
    }
}

extension FieldReader {
    fileprivate func read(_ field: FieldRange, into value: inout ConnectionNonce?) throws(IMXError) {
        var octets: ByteBuffer?
        guard value == nil else { throw .malformed(field.id, "appears twice") }
        try read(field, into: &octets)
        guard field.length == 32,
            let words = octets?.readMultipleIntegers(as: (UInt64, UInt64, UInt64, UInt64).self)
        else { throw .malformed(field.id, "wrong length") }
        value = ConnectionNonce(words.0, words.1, words.2, words.3)
    }
}
