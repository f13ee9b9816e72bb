// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

import struct NIOCore.ByteBuffer

extension DialbackAcceptor {
    /// What the holder finds out about a claim before it is looked at.
    package struct Facts: Sendable {
        /// The target is hosted here.
        package var targetIsHosted: Bool
        /// The source is hosted here, which makes the claim a lie.
        package var sourceIsHosted: Bool
        /// Policy lets the source in, and what it demands of the transport is met.
        package var policyAllows: Bool
        /// A client certificate for the source was verified on the connection, so that nobody need be asked.
        package var isCertified: Bool

        package init(
            targetIsHosted: Bool,
            sourceIsHosted: Bool = false,
            policyAllows: Bool = true,
            isCertified: Bool = false
        ) {
            self.targetIsHosted = targetIsHosted
            self.sourceIsHosted = sourceIsHosted
            self.policyAllows = policyAllows
            self.isCertified = isCertified
        }
    }

    /// What a claim is known by from one step to the next.
    package struct PendingID: Hashable, Sendable {
        package let connection: ConnectionHandle
        package let pair: DomainPair
        /// Tells a claim from an earlier one for the same pair.
        package let serial: UInt64
    }

    /// What is to be done.
    package enum Action: Sendable {
        /// Nothing. What was said matches no claim; count it.
        case ignore
        /// Look the source up, dial at most one address, and after its HELLO send what ``verify(_:)`` gives. Whatever
        /// prevents that: ``unreachable(_:)``.
        case dialAndVerify(PendingID)
        /// Trust the pair on its connection, and answer its CLAIM.
        case trust(ConnectionHandle, DomainPair, until: Instant, tag: UInt32, AnswerRecord)
        /// Answer the CLAIM, and where `close` is set close its connection.
        case refuse(ConnectionHandle, DomainPair, tag: UInt32, AnswerRecord, close: Bool)
    }

    struct Pending: Sendable {
        let serial: UInt64
        let tag: UInt32
        let token: ByteBuffer
        let secret: Octets32
        let connectionID: ConnectionID
        let block: AddressBlock
        let expiry: Instant
        /// When the claim came.
        let start: Instant
        /// Room in the budget for a dial, until it is known whether the claim needs one.
        var dial: NetworkBudget.Hold?
    }

    /// What is known of one connection.
    struct Claims: Sendable {
        var pending: [DomainPair: Pending] = [:]
        /// The attempts that ended with "not verified".
        var failures = 0
        /// Whether any pair was proved here.
        var hasProved = false
        /// The octets that claims made here have had sent to others.
        var octetsCaused = 0

        /// Whether claims made here may have so many more octets sent to others, after `octetsIn` that came here:
        /// 1.5 for each, until a pair is proved.
        func mayCause(_ octets: Int, octetsIn: Int) -> Bool {
            hasProved || octetsCaused + octets <= octetsIn + octetsIn / 2
        }
    }
}

extension AnswerRecord {
    /// An answer with a text for the peer's log.
    package init(_ code: OutcomeCode, text: String) {
        var details = Details()
        details.text = ByteBuffer(string: text)
        self.init(code, details: details)
    }
}
