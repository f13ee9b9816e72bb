// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

import struct NIOCore.ByteBuffer

extension ConnectionMachine {
    /// The only versions that this end speaks.
    static let versions: ClosedRange<UInt16> = 1...1

    /// The first record of the peer: HELLO, or a CLOSE instead of it.
    mutating func handleFirst(
        _ header: RecordHeader,
        _ payload: ByteBuffer,
        record: ByteBuffer,
        now: Instant
    ) throws(IMXError) -> Inbound? {
        do throws(IMXError) {
            if header.type == .close { return handleClose(try CloseRecord(payload: payload), now: now) }
            guard header.type == .hello, header.flags.isDisjoint(with: [.request, .response]) else {
                throw IMXError(.malformed, "first record is not HELLO")
            }
            let hello = try HelloRecord(payload: payload)
            try check(hello)
            peerHello = hello.detached()
            peerHelloOctets = ByteBuffer()
            peerHelloOctets.writeImmutableBuffer(record)
        } catch {
            throw error.fatal()
        }
        guard let hello = peerHello else { return nil }
        windowLimit = Int(min(hello.maxInflight ?? HelloRecord.defaultMaxInflight, Self.inflightCap))
        peerMaxRecord = min(hello.maxRecord ?? HelloRecord.defaultMaxRecord, ConnectionSettings.recordCap)
        if role == .acceptor {
            guard current.readableBytes <= settings.unauthenticatedOctets else {  // IMX-1 §4.4
                throw .fatal(.rateLimited, "too many octets before authentication")
            }
            phase = .deciding
            return .dialled(hello)
        }
        open(now: now)
        return .established(hello)
    }

    /// Takes the connection whose dialled domain is hosted here. ``next(now:)`` goes on afterwards.
    package mutating func accept(now: Instant) {
        guard phase == .deciding else { return }
        sendHello()
        open(now: now)
    }

    /// Turns the connection away, for a dialled domain that is not hosted here (5006) or for policy.
    package mutating func refuse(_ code: OutcomeCode, _ text: String, now: Instant) {
        guard phase == .deciding else { return }
        fail(.fatal(code, text, .dialled))
    }

    /// Lists a capability that turned out after the machine was made; in vain once our HELLO is sent.
    package mutating func offer(_ capability: Capability) {
        guard localHelloOctets.readableBytes == 0, !localHello.capabilities.contains(capability) else { return }
        localHello.capabilities.append(capability)
    }

    private mutating func open(now: Instant) {
        phase = .open
        lastActivity = now
        if settings.grease { Grease(localHello.nonce).writeRecord(to: &outbound) }
    }

    private func check(_ hello: HelloRecord) throws(IMXError) {
        guard hello.versionMin <= Self.versions.upperBound, hello.versionMax >= Self.versions.lowerBound else {
            throw IMXError(.notUnderstood, "no common version", failedField: .versionMin)  // IMX 4.4.1
        }
        // A mirror, or this very process: either way there is no peer. IMX-1 §4.2.
        guard hello.serverID != localHello.serverID else { throw IMXError(.loop, "own server-id") }
        guard hello.nonce != localHello.nonce else { throw IMXError(.loop, "own nonce") }
        guard (hello.dialled != nil) == (role == .acceptor) else {
            throw .malformed(.dialled, role == .acceptor ? "missing" : "said by the acceptor")
        }
        if let limit = hello.maxRecord, limit < HelloRecord.leastMaxRecord { throw .malformed(.maxRecord, "too small") }
        if hello.maxInflight == 0 { throw .malformed(.maxInflight, "too small") }
        if hello.idleSeconds == 0 { throw .malformed(.idleSeconds, "too small") }
    }
}

extension HelloRecord {
    /// The smallest `maxRecord` that a peer may advertise: what is taken before authentication.
    static let leastMaxRecord: UInt32 = 16_384

    /// A copy that shares no memory with a read buffer.
    func detached() -> HelloRecord {
        var copy = self
        copy.software = software.map { ByteBuffer(bytes: $0.readableBytesView) }
        copy.dialled = dialled.map { ByteBuffer(bytes: $0.readableBytesView) }
        copy.extra = extra.map { UnknownField(id: $0.id, value: ByteBuffer(bytes: $0.value.readableBytesView)) }
        return copy
    }
}
