// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

package import struct NIOCore.ByteBuffer

// Identifiers and values are copied: whoever keeps a subscription or an attribute keeps no read buffer with it. The
// body of a notification shares the record's memory, as that of a message does.

extension SubscribeRecord {
    /// The envelope that the record carries.
    ///
    /// - Parameter messageID: the operation's own identifier, which the record does not have.
    package func envelope(
        source: Domain,
        destination: Domain,
        messageID: MessageID,
        deadline: Instant,
        freshTrace: @autoclosure () -> TraceID
    ) -> Envelope? {
        guard let id = SubscriptionID(subscriptID.copied) else { return nil }
        var details = Envelope.Details()
        details.sourceName = fromName.map {
            DisplayName(String(buffer: $0.text), language: $0.language.map(String.init(buffer:)))
        }
        details.baggage = extra.map(Baggage.init)
        return Envelope(
            operation: .subscribe(.init(id: id, seconds: duration, forgets: forget)),
            source: watcher.address(at: source),
            destination: target.address(at: destination),
            messageID: messageID,
            hops: handling.hops ?? Envelope.initialHops,
            trace: handling.trace ?? freshTrace(),
            deadline: deadline,
            details: details.isEmpty ? nil : details
        )
    }
}

extension NotifyRecord {
    /// The envelope that the record carries.
    ///
    /// - Parameter messageID: the operation's own identifier, which the record does not have.
    package func envelope(
        source: Domain,
        destination: Domain,
        messageID: MessageID,
        deadline: Instant,
        freshTrace: @autoclosure () -> TraceID
    ) -> Envelope? {
        guard let id = SubscriptionID(subscriptID.copied) else { return nil }
        let subscription: SubscriptionState =
            switch state {
            case .active: .active
            case .pending: .pending
            case .ended: .ended(reason ?? .delivered)
            }
        var details: Envelope.Details?
        if !(attributes.isEmpty && losses.isEmpty && extra.isEmpty) {
            var read = Envelope.Details()
            read.attributes = attributes.map(Attribute.init)
            read.losses = losses.map(Loss.init)
            read.baggage = extra.map(Baggage.init)
            details = read
        }
        return Envelope(
            operation: .notify(.init(id: id, state: subscription, sequence: sequence)),
            source: presentity.address(at: source),
            destination: watcher.address(at: destination),
            messageID: messageID,
            hops: handling.hops ?? Envelope.initialHops,
            trace: handling.trace ?? freshTrace(),
            deadline: deadline,
            body: mime.map(Body.entity) ?? .none,
            details: details
        )
    }
}

extension GetRecord {
    /// The envelope that the record carries.
    ///
    /// - Parameter messageID: the operation's own identifier, which the record does not have.
    package func envelope(
        source: Domain,
        destination: Domain,
        messageID: MessageID,
        deadline: Instant,
        freshTrace: @autoclosure () -> TraceID
    ) -> Envelope {
        var details: Envelope.Details?
        if !extra.isEmpty {
            var read = Envelope.Details()
            read.baggage = extra.map(Baggage.init)
            details = read
        }
        return Envelope(
            operation: .getAttributes(keys.map(String.init(buffer:))),
            source: requester.address(at: source),
            destination: subject.address(at: destination),
            messageID: messageID,
            hops: handling.hops ?? Envelope.initialHops,
            trace: handling.trace ?? freshTrace(),
            deadline: deadline,
            details: details
        )
    }
}

extension PushAttributesRecord {
    /// The envelope that the record carries: from the subject, to a domain here.
    package func envelope(source: Domain, destination: Domain, messageID: MessageID, trace: TraceID) -> Envelope {
        var details = Envelope.Details()
        details.attributes = attributes.map(Attribute.init)
        return Envelope(
            operation: .pushAttributes,
            source: subject.address(at: source),
            destination: .domainItself(destination),
            messageID: messageID,
            trace: trace,
            details: details
        )
    }
}

// MARK: Writing

extension ByteBuffer {
    /// Appends the SUBSCRIBE that carries `envelope`.
    package mutating func writeSubscribe(
        _ wish: Envelope.Subscribe,
        of envelope: Envelope,
        deadline: UInt32?,
        tag: UInt32
    ) {
        let start = beginOperation(.subscribe, envelope, deadline, tag)
        writeField(.duration, wish.seconds)
        writeField(.subscriptID, wish.id.octets)
        if wish.forgets { writeField(.forget, true) }
        if let name = envelope.details?.sourceName, !name.text.isEmpty {
            writeLocalized(.fromName, name.text, name.language)
        }
        endOperation(envelope, at: start)
    }

    /// Appends the NOTIFY that carries `envelope`.
    ///
    /// - Parameter mime: the content as a MIME entity; where it is nil, the envelope's own entity, if it has one.
    package mutating func writeNotify(
        _ notification: Envelope.Notification,
        of envelope: Envelope,
        mime: ByteBuffer? = nil,
        deadline: UInt32?,
        tag: UInt32
    ) {
        let start = beginOperation(.notify, envelope, deadline, tag)
        if let mime {
            writeField(.mime, mime)
        } else if case .entity(let octets) = envelope.body, octets.readableBytes > 0 {
            writeField(.mime, octets)
        }
        writeField(.subscriptID, notification.id.octets)
        switch notification.state {
        case .active: writeField(.state, NotifyRecord.State.active.rawValue)
        case .pending: writeField(.state, NotifyRecord.State.pending.rawValue)
        case .ended(let code):
            writeField(.code, code.rawValue)
            writeField(.state, NotifyRecord.State.ended.rawValue)
        }
        writeField(.sequence, notification.sequence)
        if let details = envelope.details {
            var losses = details.losses
            if !writeAttributes(details.attributes) {
                losses.append(Loss("imx:\(FieldID.attribute.baggageName)", reason: "longer than a field may be"))
            }
            for loss in losses.prefix(FieldReader.repeatLimit) { writeLoss(loss) }
        }
        endOperation(envelope, at: start)
    }

    /// Appends the GET that carries `envelope`.
    package mutating func writeGet(_ keys: [String], of envelope: Envelope, deadline: UInt32?, tag: UInt32) {
        let start = beginOperation(.get, envelope, deadline, tag)
        for key in keys { writeField(.key, key) }
        endOperation(envelope, at: start)
    }

    /// Appends the PUSH-ATTR that carries `envelope`.
    package mutating func writePush(of envelope: Envelope) {
        let start = beginRecord(.pushAttributes, [], tag: 0)
        writeField(.to, envelope.source)
        if let details = envelope.details { _ = writeAttributes(details.attributes) }
        endRecord(at: start)
    }

    private mutating func beginOperation(
        _ type: RecordType,
        _ envelope: Envelope,
        _ deadline: UInt32?,
        _ tag: UInt32
    ) -> Int {
        let start = beginRecord(type, .request, tag: tag)
        writeField(.from, envelope.source)
        writeField(.to, envelope.destination)
        writeField(.hops, max(1, envelope.hops) - 1)  // RFC 3860 §3.4.2, for every operation
        writeField(.deadline, deadline)
        return start
    }

    private mutating func endOperation(_ envelope: Envelope, at start: Int) {
        writeField(.trace, envelope.trace)
        if envelope.hasDetails, let baggage = envelope.details?.baggage {
            // These records have no place for the baggage of other protocols, only for fields that we do not know.
            for piece in baggage where piece.origin == FieldID.baggageWord {
                if let id = FieldID(baggageName: piece.name) { writeField(id, piece.octets) }
            }
        }
        endRecord(at: start)
    }

    var copied: ByteBuffer { ByteBuffer(bytes: readableBytesView) }
}

extension GetRecord {
    /// The most keys of one request.
    package static var keyLimit: Int { FieldReader.repeatLimit }
}
