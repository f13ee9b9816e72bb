// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import NIOCore

/// What comes in as a record of presence or attributes goes out as one that says the same.
enum PresenceCheck {
    private static let id = MessageID(unchecked: ByteBuffer(string: "p"))
    private static let trace = TraceID(high: 0, low: 1)

    static func subscribe(_ payload: ByteBuffer) throws(Violation) {
        guard let record = try? SubscribeRecord(payload: payload) else { return }
        let first = try envelope(of: record)
        guard case .subscribe(let wish) = first.operation else { throw Violation("a subscription is none") }
        var out = ByteBuffer()
        out.writeSubscribe(wish, of: first, deadline: record.handling.deadline, tag: 1)
        try same(first, envelope(of: CodecBody.again(out, SubscribeRecord.init)))
    }

    static func notify(_ payload: ByteBuffer) throws(Violation) {
        guard let record = try? NotifyRecord(payload: payload) else { return }
        let first = try envelope(of: record)
        guard case .notify(let notification) = first.operation else { throw Violation("a notification is none") }
        var out = ByteBuffer()
        out.writeNotify(notification, of: first, deadline: record.handling.deadline, tag: 1)
        try same(first, envelope(of: CodecBody.again(out, NotifyRecord.init)))
    }

    static func get(_ payload: ByteBuffer) throws(Violation) {
        guard let record = try? GetRecord(payload: payload) else { return }
        let first = try envelope(of: record)
        guard case .getAttributes(let keys) = first.operation else { throw Violation("a question is none") }
        try hold(keys.count <= GetRecord.keyLimit, "too many keys are taken")
        var out = ByteBuffer()
        out.writeGet(keys, of: first, deadline: record.handling.deadline, tag: 1)
        try same(first, envelope(of: CodecBody.again(out, GetRecord.init)))
    }

    static func push(_ payload: ByteBuffer) throws(Violation) {
        guard let record = try? PushAttributesRecord(payload: payload) else { return }
        let first = try envelope(of: record)
        var out = ByteBuffer()
        out.writePush(of: first)
        let second = try envelope(of: CodecBody.again(out, PushAttributesRecord.init))
        try hold(first.source == second.source, "the subject changes")
        try hold(first.details?.attributes == second.details?.attributes, "pushed attributes change")
    }

    /// Whatever the core or an adapter says, its envelope is a record that can be read.
    static func outgoing(_ input: inout FuzzInput, _ envelope: Envelope) throws(Violation) {
        guard let subscription = SubscriptionID(input.piece()) else { return }
        var out = ByteBuffer()
        let wish = Envelope.Subscribe(id: subscription, seconds: 7, forgets: input.flag())
        out.writeSubscribe(wish, of: envelope, deadline: nil, tag: 1)
        _ = try CodecBody.again(out, SubscribeRecord.init)
        out = ByteBuffer()
        let states: [SubscriptionState] = [.active, .pending, .ended(.refused)]
        let state = states[input.number(below: 3)]
        let notification = Envelope.Notification(id: subscription, state: state, sequence: 9)
        out.writeNotify(notification, of: envelope, mime: nil, deadline: 1, tag: 1)
        _ = try CodecBody.again(out, NotifyRecord.init)
        out = ByteBuffer()
        out.writePush(of: envelope)
        _ = try CodecBody.again(out, PushAttributesRecord.init)
        let details = Outcome.Details(grantedSeconds: 7, attributes: attributes(&input))
        try EnvelopeCheck.answer(Outcome(.delivered, details: details))
    }

    static func attributes(_ input: inout FuzzInput) -> [Attribute] {
        (0..<input.number(below: 4)).map { _ in
            var attribute = Attribute(input.text(), type: nil, value: input.piece())
            attribute.type = input.flag() ? input.text() : nil
            if input.flag() { attribute.value = nil }
            attribute.status = input.flag() ? .noSuchUser : nil
            return attribute
        }
    }

    /// Whether an attribute can stand in a record.
    static func isSendable(_ attribute: Attribute) -> Bool {
        (1...255).contains(attribute.key.utf8.count)
            && attribute.type.map { (1...255).contains($0.utf8.count) } ?? true
    }

    private static func same(_ first: Envelope, _ second: Envelope) throws(Violation) {
        try hold(first.operation == second.operation, "the operation changes")
        try hold(first.source == second.source && first.destination == second.destination, "the parties change")
        try hold(second.hops == max(1, first.hops) - 1, "the hop count does not go down")
        try hold(first.trace == second.trace && first.body == second.body, "the trace or the content changes")
        // Fields that we know from other records have no place here.
        let known = first.details?.baggage.filter { $0.name < "0200" } ?? []
        guard known.isEmpty else { return }
        try hold(first.details == second.details, "the details change")
    }

    // MARK: Reading

    private static func domain(_ octets: ByteBuffer) throws(Violation) -> Domain {
        guard let domain = Domain(canonical: octets) else { throw Violation("a party on the wire without a domain") }
        return domain
    }

    private static func envelope(of record: SubscribeRecord) throws(Violation) -> Envelope {
        let envelope = record.envelope(
            source: try domain(record.watcher.domain),
            destination: try domain(record.target.domain),
            messageID: id,
            deadline: .distantFuture,
            freshTrace: trace
        )
        guard let envelope else { throw Violation("a subscription without an identifier") }
        return envelope
    }

    private static func envelope(of record: NotifyRecord) throws(Violation) -> Envelope {
        let envelope = record.envelope(
            source: try domain(record.presentity.domain),
            destination: try domain(record.watcher.domain),
            messageID: id,
            deadline: .distantFuture,
            freshTrace: trace
        )
        guard let envelope else { throw Violation("a notification without an identifier") }
        return envelope
    }

    private static func envelope(of record: GetRecord) throws(Violation) -> Envelope {
        record.envelope(
            source: try domain(record.requester.domain),
            destination: try domain(record.subject.domain),
            messageID: id,
            deadline: .distantFuture,
            freshTrace: trace
        )
    }

    private static func envelope(of record: PushAttributesRecord) throws(Violation) -> Envelope {
        let own = try domain(record.subject.domain)
        return record.envelope(source: own, destination: own, messageID: id, trace: trace)
    }
}
