// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

import struct NIOCore.ByteBuffer

// What the model has words for and the wire has numbers.

extension ChatState {
    /// The number on the wire: IMX-1 §7.2.
    var code: UInt8 {
        switch self {
        case .active: 1
        case .composing: 2
        case .paused: 3
        case .inactive: 4
        case .gone: 5
        }
    }

    /// The state with this number; nil where there is none.
    init?(code: UInt8) {
        guard let state = ChatState.allCases.first(where: { $0.code == code }) else { return nil }
        self = state
    }
}

extension OtherRecipient.Kind {
    /// The number on the wire: IMX-1 §7.2.
    var code: UInt8 {
        switch self {
        case .to: 1
        case .cc: 2
        }
    }
}

extension OtherRecipient {
    /// The recipient that the field names; nil where it is one in a way that this version does not know.
    init?(_ field: RecipientField) {
        let kinds: [Kind] = [.to, .cc]
        guard let kind = kinds.first(where: { $0.code == field.kind }) else { return nil }
        self.init(kind, uri: String(buffer: field.uri), name: field.name.map(String.init(buffer:)))
    }
}

extension ReportRecord {
    /// The stage of a report on reading: IMX-1 §7.3.
    static let displayStage: UInt8 = 2
}

extension Loss {
    init(_ field: LossField) {
        self.init(String(buffer: field.feature), reason: String(buffer: field.reason))
    }
}

extension Attribute {
    /// The attribute in the field, with a value of its own memory.
    init(_ field: AttributeField) {
        self.init(String(buffer: field.key), type: nil, value: ByteBuffer(), seconds: field.seconds)
        type = field.type.map(String.init(buffer:))
        value = field.value?.copied
        status = field.status.map(OutcomeCode.init)
    }
}

extension AttributeField {
    /// The field for the attribute; nil where its names are longer than a field may be, or empty.
    init?(_ attribute: Attribute) {
        guard (1...Attribute.keyLimit).contains(attribute.key.utf8.count),
            attribute.type.map({ (1...Bound.attributeType).contains($0.utf8.count) }) ?? true
        else { return nil }
        self.init(
            key: ByteBuffer(string: attribute.key),
            type: attribute.type.map { ByteBuffer(string: $0) },
            value: attribute.value,
            seconds: attribute.seconds,
            status: attribute.status?.rawValue
        )
    }
}
