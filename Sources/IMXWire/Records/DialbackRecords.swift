// SPDX-License-Identifier: Apache-2.0
package import struct NIOCore.ByteBuffer

/// CLAIM: the dialler asks to speak for `source` to `target`.
package struct ClaimRecord: Sendable, Hashable {
    package var source: ByteBuffer
    package var target: ByteBuffer
    /// 16 to 128 opaque octets.
    package var token: ByteBuffer

    package init(source: ByteBuffer, target: ByteBuffer, token: ByteBuffer) {
        self.source = source
        self.target = target
        self.token = token
    }

    /// Reads the record.
    package init(payload: ByteBuffer) throws(IMXError) {
        let fields = try DialbackFields(payload)
        source = try required(fields.source, .sourceDomain)
        target = try required(fields.target, .targetDomain)
        token = try required(fields.token, .token)
    }

    /// Appends the record to `out`.
    package func write(to out: inout ByteBuffer, tag: UInt32) {
        let start = out.beginRecord(.claim, .request, tag: tag)
        out.writeField(.sourceDomain, source)
        out.writeField(.targetDomain, target)
        out.writeField(.token, token)
        out.endRecord(at: start)
    }
}

/// VERIFY: the acceptor asks the claimed domain's own server whether it made the claim.
package struct VerifyRecord: Sendable, Hashable {
    /// The number of octets of a secret.
    package static let secretSize = 32

    package var source: ByteBuffer
    package var target: ByteBuffer
    package var token: ByteBuffer
    /// 32 random octets, fresh for each claim.
    package var secret: ByteBuffer

    package init(source: ByteBuffer, target: ByteBuffer, token: ByteBuffer, secret: ByteBuffer) {
        self.source = source
        self.target = target
        self.token = token
        self.secret = secret
    }

    /// Reads the record.
    package init(payload: ByteBuffer) throws(IMXError) {
        let fields = try DialbackFields(payload)
        source = try required(fields.source, .sourceDomain)
        target = try required(fields.target, .targetDomain)
        token = try required(fields.token, .token)
        secret = try required(fields.secret, .secret)
    }

    /// Appends the record to `out`.
    package func write(to out: inout ByteBuffer, tag: UInt32) {
        let start = out.beginRecord(.verify, .request, tag: tag)
        out.writeField(.sourceDomain, source)
        out.writeField(.targetDomain, target)
        out.writeField(.token, token)
        out.writeField(.secret, secret)
        out.endRecord(at: start)
    }
}

/// PROOF: the claimant shows on its own connection that VERIFY reached it.
package struct ProofRecord: Sendable, Hashable {
    /// The number of octets of a proof, and of a confirmation.
    package static let proofSize = 32

    package var source: ByteBuffer
    package var target: ByteBuffer
    package var proof: ByteBuffer

    package init(source: ByteBuffer, target: ByteBuffer, proof: ByteBuffer) {
        self.source = source
        self.target = target
        self.proof = proof
    }

    /// Reads the record.
    package init(payload: ByteBuffer) throws(IMXError) {
        let fields = try DialbackFields(payload)
        source = try required(fields.source, .sourceDomain)
        target = try required(fields.target, .targetDomain)
        proof = try required(fields.proof, .proof)
    }

    /// Appends the record to `out`.
    package func write(to out: inout ByteBuffer) {
        let start = out.beginRecord(.proof, [], tag: 0)
        out.writeField(.sourceDomain, source)
        out.writeField(.targetDomain, target)
        out.writeField(.proof, proof)
        out.endRecord(at: start)
    }
}

/// The fields that the three records share.
private struct DialbackFields {
    var source: ByteBuffer?
    var target: ByteBuffer?
    var token: ByteBuffer?
    var secret: ByteBuffer?
    var proof: ByteBuffer?

    init(_ payload: ByteBuffer) throws(IMXError) {
        var reader = FieldReader(payload)
        while let field = try reader.next() {
            switch field.id {
            case .sourceDomain: try reader.readDomain(field, into: &source)
            case .targetDomain: try reader.readDomain(field, into: &target)
            case .token:
                guard field.length >= 16 else { throw .malformed(field.id, "too short") }
                try reader.read(field, into: &token, limit: 128)
            case .secret:
                guard field.length == VerifyRecord.secretSize else { throw .malformed(field.id, "wrong length") }
                try reader.read(field, into: &secret)
            case .proof:
                guard field.length == ProofRecord.proofSize else { throw .malformed(field.id, "wrong length") }
                try reader.read(field, into: &proof)
            default: try reader.skip(field)
            }
        }
    }
}
