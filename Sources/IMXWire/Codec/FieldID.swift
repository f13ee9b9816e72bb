// SPDX-License-Identifier: Apache-2.0

/// What a field is. A structure and not an enumeration, so that an unknown field survives.
package struct FieldID: RawRepresentable, Sendable, Hashable {
    /// The number on the wire.
    package let rawValue: UInt16

    /// Makes the identifier with this number, known or not.
    @inlinable
    package init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// Whether a receiver that does not know the field must refuse the record.
    package var isCritical: Bool { rawValue & 0x8000 != 0 }

    // HELLO, CLOSE, REDIRECT, PING
    package static let versionMin = FieldID(rawValue: 0x0001)
    package static let versionMax = FieldID(rawValue: 0x0002)
    package static let serverID = FieldID(rawValue: 0x0003)
    package static let software = FieldID(rawValue: 0x0004)
    package static let maxRecord = FieldID(rawValue: 0x0005)
    package static let maxInflight = FieldID(rawValue: 0x0006)
    package static let idleSeconds = FieldID(rawValue: 0x0007)
    package static let capability = FieldID(rawValue: 0x0008)
    package static let lastTag = FieldID(rawValue: 0x0009)
    package static let host = FieldID(rawValue: 0x000A)
    package static let port = FieldID(rawValue: 0x000B)
    package static let seconds = FieldID(rawValue: 0x000C)
    package static let scope = FieldID(rawValue: 0x000D)
    package static let opaque = FieldID(rawValue: 0x000E)
    package static let nonce = FieldID(rawValue: 0x0010)
    package static let dialled = FieldID(rawValue: 0x0011)

    // CLAIM, VERIFY, PROOF
    package static let sourceDomain = FieldID(rawValue: 0x0020)
    package static let targetDomain = FieldID(rawValue: 0x0021)
    package static let token = FieldID(rawValue: 0x0022)
    package static let secret = FieldID(rawValue: 0x0023)
    package static let proof = FieldID(rawValue: 0x0024)
    package static let confirm = FieldID(rawValue: 0x0025)

    // Parties and content
    package static let from = FieldID(rawValue: 0x0100)
    package static let to = FieldID(rawValue: 0x0101)
    package static let messageID = FieldID(rawValue: 0x0102)
    package static let hops = FieldID(rawValue: 0x0103)
    package static let sentAt = FieldID(rawValue: 0x0104)
    package static let deadline = FieldID(rawValue: 0x0105)
    package static let receiptWanted = FieldID(rawValue: 0x0106)
    package static let replaces = FieldID(rawValue: 0x0107)
    package static let trail = FieldID(rawValue: 0x0108)
    package static let about = FieldID(rawValue: 0x0109)
    package static let mime = FieldID(rawValue: 0x0110)
    package static let attribute = FieldID(rawValue: 0x0111)
    package static let key = FieldID(rawValue: 0x0112)
    package static let attributeType = FieldID(rawValue: 0x0113)
    package static let attributeValue = FieldID(rawValue: 0x0114)
    package static let attributeSeconds = FieldID(rawValue: 0x0115)
    package static let attributeStatus = FieldID(rawValue: 0x0116)

    // Outcomes
    package static let code = FieldID(rawValue: 0x0120)
    package static let text = FieldID(rawValue: 0x0121)
    package static let language = FieldID(rawValue: 0x0122)
    package static let newAddress = FieldID(rawValue: 0x0123)
    package static let retryAfter = FieldID(rawValue: 0x0124)
    package static let failedField = FieldID(rawValue: 0x0125)

    // Subscriptions
    package static let duration = FieldID(rawValue: 0x0130)
    package static let subscriptID = FieldID(rawValue: 0x0131)
    package static let forget = FieldID(rawValue: 0x0132)
    package static let state = FieldID(rawValue: 0x0133)
    package static let sequence = FieldID(rawValue: 0x0134)

    // Routing of answers
    package static let origin = FieldID(rawValue: 0x0140)
    package static let route = FieldID(rawValue: 0x0141)
    package static let sameConnection = FieldID(rawValue: 0x0142)

    // What a MESSAGE carries besides
    package static let trace = FieldID(rawValue: 0x0180)
    package static let subject = FieldID(rawValue: 0x0181)
    package static let thread = FieldID(rawValue: 0x0182)
    package static let threadParent = FieldID(rawValue: 0x0183)
    package static let messageType = FieldID(rawValue: 0x0184)
    package static let fromInstance = FieldID(rawValue: 0x0185)
    package static let toInstance = FieldID(rawValue: 0x0186)
    package static let fromName = FieldID(rawValue: 0x0187)
    package static let nativeID = FieldID(rawValue: 0x0188)
    package static let loss = FieldID(rawValue: 0x0189)
    package static let lossFeature = FieldID(rawValue: 0x018A)
    package static let baggage = FieldID(rawValue: 0x018B)
    package static let baggageOrigin = FieldID(rawValue: 0x018C)
    package static let baggageName = FieldID(rawValue: 0x018D)
    package static let baggageOctets = FieldID(rawValue: 0x018E)
    package static let baggageCritical = FieldID(rawValue: 0x018F)
    package static let chatState = FieldID(rawValue: 0x0190)
    package static let readReportWanted = FieldID(rawValue: 0x0191)
    package static let recipient = FieldID(rawValue: 0x0192)
    package static let recipientKind = FieldID(rawValue: 0x0193)
    package static let uri = FieldID(rawValue: 0x0194)

    // What a REPORT carries besides
    package static let stage = FieldID(rawValue: 0x0195)
}
