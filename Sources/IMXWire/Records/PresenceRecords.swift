// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

package import struct NIOCore.ByteBuffer

/// SUBSCRIBE: a watcher asks for, renews or ends a subscription to a target's presence.
package struct SubscribeRecord: Sendable, Hashable {
    package var watcher: AddressField
    package var target: AddressField
    /// The wished lifetime in seconds; 0 ends the subscription, or fetches once where there is none.
    package var duration: UInt32
    /// 1 to 255 opaque octets, unique for the watcher.
    package var subscriptID: ByteBuffer
    /// Whether the target's server is to forget an earlier approval too.
    package var forget: Bool
    /// What the watcher is called.
    package var fromName: LocalizedOctets?
    package var handling: Handling
    package var routing: ReplyRouting
    package var extra: [UnknownField]

    package init(
        watcher: AddressField,
        target: AddressField,
        duration: UInt32,
        subscriptID: ByteBuffer,
        forget: Bool = false,
        hops: UInt8 = Envelope.initialHops
    ) {
        self.watcher = watcher
        self.target = target
        self.duration = duration
        self.subscriptID = subscriptID
        self.forget = forget
        self.handling = Handling(hops: hops)
        self.routing = ReplyRouting()
        self.extra = []
    }

    /// Reads the record.
    package init(payload: ByteBuffer) throws(IMXError) {
        var watcher: AddressField?
        var target: AddressField?
        var duration: UInt32?
        var subscriptID: ByteBuffer?
        var forget: Bool?
        handling = Handling()
        routing = ReplyRouting()
        extra = []
        var reader = FieldReader(payload)
        while let field = try reader.next() {
            switch field.id {
            case .from: try reader.read(field, into: &watcher)
            case .to: try reader.read(field, into: &target)
            case .duration: try reader.read(field, into: &duration)
            case .subscriptID: try reader.read(field, into: &subscriptID, limit: 255)
            case .forget: try reader.read(field, into: &forget)
            case .fromName:
                guard fromName == nil else { throw .malformed(field.id, "appears twice") }
                fromName = try LocalizedOctets(reader.nested(field))
            default:
                if try handling.read(field, of: reader) { continue }
                if try !routing.read(field, of: reader) { try reader.keep(field, in: &extra) }
            }
        }
        self.watcher = try required(watcher, .from)
        self.target = try required(target, .to)
        self.duration = try required(duration, .duration)
        self.subscriptID = try required(subscriptID, .subscriptID)
        self.forget = forget ?? false
        _ = try required(handling.hops, .hops)
    }

    /// Appends the record to `out`.
    package func write(to out: inout ByteBuffer, tag: UInt32, isRetry: Bool = false) {
        let start = out.beginRecord(.subscribe, isRetry ? [.request, .retry] : .request, tag: tag)
        out.writeField(.from, watcher.octets)
        out.writeField(.to, target.octets)
        handling.write(to: &out)
        out.writeField(.duration, duration)
        out.writeField(.subscriptID, subscriptID)
        if forget { out.writeField(.forget, true) }
        fromName?.write(.fromName, to: &out)
        routing.write(to: &out)
        out.writeFields(extra)
        out.endRecord(at: start)
    }
}

/// NOTIFY: a presentity's state for one watcher.
package struct NotifyRecord: Sendable, Hashable {
    /// What the subscription is in.
    package enum State: UInt8, Sendable, Hashable {
        case active = 1
        case pending = 2
        case ended = 3
    }

    package var presentity: AddressField
    package var watcher: AddressField
    package var subscriptID: ByteBuffer
    package var state: State
    /// Why the subscription ended, where it has.
    package var reason: OutcomeCode?
    /// Grows with every notification of the subscription.
    package var sequence: UInt64
    /// The presence document.
    package var mime: ByteBuffer?
    package var attributes: [AttributeField]
    /// What a translation of the document could not carry.
    package var losses: [LossField]
    package var handling: Handling
    package var routing: ReplyRouting
    package var extra: [UnknownField]

    package init(
        presentity: AddressField,
        watcher: AddressField,
        subscriptID: ByteBuffer,
        state: State,
        reason: OutcomeCode? = nil,
        sequence: UInt64,
        mime: ByteBuffer? = nil,
        attributes: [AttributeField] = []
    ) {
        self.presentity = presentity
        self.watcher = watcher
        self.subscriptID = subscriptID
        self.state = state
        self.reason = reason
        self.sequence = sequence
        self.mime = mime
        self.attributes = attributes
        self.losses = []
        self.handling = Handling()
        self.routing = ReplyRouting()
        self.extra = []
    }

    /// Reads the record.
    package init(payload: ByteBuffer) throws(IMXError) {
        var presentity: AddressField?
        var watcher: AddressField?
        var subscriptID: ByteBuffer?
        var state: UInt8?
        var sequence: UInt64?
        var reason: UInt16?
        attributes = []
        losses = []
        handling = Handling()
        routing = ReplyRouting()
        extra = []
        var reader = FieldReader(payload)
        while let field = try reader.next() {
            switch field.id {
            case .from: try reader.read(field, into: &presentity)
            case .to: try reader.read(field, into: &watcher)
            case .subscriptID: try reader.read(field, into: &subscriptID, limit: 255)
            case .state: try reader.read(field, into: &state)
            case .code: try reader.read(field, into: &reason)
            case .sequence: try reader.read(field, into: &sequence)
            case .mime: try reader.read(field, into: &mime)
            case .attribute: try reader.append(field, to: &attributes)
            case .loss:
                try reader.bound(losses.count, field)
                losses.append(try LossField(reader.nested(field)))
            default:
                if try handling.read(field, of: reader) { continue }
                if try !routing.read(field, of: reader) { try reader.keep(field, in: &extra) }
            }
        }
        self.presentity = try required(presentity, .from)
        self.watcher = try required(watcher, .to)
        self.subscriptID = try required(subscriptID, .subscriptID)
        let known = State(rawValue: try required(state, .state))
        guard let known else { throw .malformed(.state, "not a state") }
        self.state = known
        self.reason = reason.map(OutcomeCode.init)
        self.sequence = try required(sequence, .sequence)
    }

    /// Appends the record to `out`.
    package func write(to out: inout ByteBuffer, tag: UInt32, isRetry: Bool = false) {
        let start = out.beginRecord(.notify, isRetry ? [.request, .retry] : .request, tag: tag)
        out.writeField(.from, presentity.octets)
        out.writeField(.to, watcher.octets)
        handling.write(to: &out)
        out.writeField(.mime, mime)
        for attribute in attributes { attribute.write(to: &out) }
        out.writeField(.code, reason?.rawValue)
        out.writeField(.subscriptID, subscriptID)
        out.writeField(.state, state.rawValue)
        out.writeField(.sequence, sequence)
        for loss in losses { loss.write(to: &out) }
        routing.write(to: &out)
        out.writeFields(extra)
        out.endRecord(at: start)
    }
}
