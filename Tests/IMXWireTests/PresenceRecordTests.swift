// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import IMXWire

/// What a record of this type answers to: the outcome and the field at fault; nil where it is taken.
private func verdict(_ type: RecordType, _ fields: String) -> String? {
    let payload = octets(fields)
    do throws(IMXError) {
        switch type {
        case .subscribe: _ = try SubscribeRecord(payload: payload)
        case .notify: _ = try NotifyRecord(payload: payload)
        case .get: _ = try GetRecord(payload: payload)
        case .pushAttributes: _ = try PushAttributesRecord(payload: payload)
        case .report: _ = try ReportRecord(payload: payload)
        default: _ = try MessageRecord(payload: payload)
        }
        return nil
    } catch {
        let field = error.failedField.map { String($0.rawValue, radix: 16) } ?? "-"
        return "\(error.code) \(field)"
    }
}

private let parties = #"0100 0000000F "alice@a.example" 0101 0000000D "bob@b.example" "#
private let subscribe = parties + #"0103 00000001 80 0130 00000004 00000708 0131 00000002 "s1" "#
private let notify = parties + #"0131 00000002 "s1" 0133 00000001 01 0134 00000008 0000000000000001 "#
private let message = parties + #"0102 00000002 "m1" 0103 00000001 80 "#
private let report = parties + #"0109 00000002 "m1" 0120 00000002 07D0 "#

private func repeated(_ field: String, _ count: Int) -> String { String(repeating: field, count: count) }

@Suite struct PresenceRecordTests {
    @Test(
        "I.1.2: a field of presence or attributes that breaks a rule refuses its record and is named",
        arguments: [
            (.subscribe, subscribe, nil),
            (.subscribe, parties + "0103 00000001 80 0130 00000004 00000708", "5001 131"),
            (.subscribe, parties + #"0130 00000004 00000708 0131 00000001 "s""#, "5001 103"),
            (.subscribe, parties + #"0103 00000001 80 0131 00000001 "s""#, "5001 130"),
            (.subscribe, parties + "0103 00000001 80 0130 00000004 00000708 0131 00000000", "5001 131"),
            (.subscribe, parties + "0103 00000001 80 0130 00000002 0708", "5001 130"),
            (.subscribe, subscribe + "0103 00000001 80", "5001 103"),
            (.subscribe, subscribe + "0132 00000001 02", "5001 132"),
            (.subscribe, subscribe + "0187 00000007 0121 00000001 41", nil),
            (.subscribe, subscribe + "0187 00000007 0122 00000001 41", "5001 121"),
            (.subscribe, subscribe + repeated("0187 00000007 0121 00000001 41", 2), "5001 187"),
            (.subscribe, subscribe + "0180 00000001 00", "5001 180"),
            (.subscribe, subscribe + "8190 00000001 00", "5008 8190"),
            (.subscribe, #"0100 00000009 "a.example" 0101 0000000D "bob@b.example""#, "5001 100"),
            (.notify, notify, nil),
            (.notify, parties + "0131 00000001 73 0133 00000001 04 0134 00000008 0000000000000001", "5001 133"),
            (.notify, parties + "0131 00000001 73 0133 00000001 00 0134 00000008 0000000000000001", "5001 133"),
            (.notify, parties + "0131 00000001 73 0133 00000001 01 0134 00000004 00000001", "5001 134"),
            (.notify, parties + "0131 00000001 73 0133 00000001 01", "5001 134"),
            (.notify, notify + "0110 00000000", "5001 110"),
            (.notify, notify + "0105 00000002 0001", "5001 105"),
            (.notify, notify + "0111 00000007 0114 00000001 41", "5001 112"),
            (.notify, notify + repeated("0189 00000007 018A 00000001 41", 256), nil),
            (.notify, notify + repeated("0189 00000007 018A 00000001 41", 257), "5001 189"),
            (.notify, notify + repeated("0111 00000007 0112 00000001 41", 257), "5001 111"),
            (.get, parties, nil),
            (.get, #"0100 00000009 "a.example" 0101 00000009 "b.example""#, nil),
            (.get, #"0100 00000009 "A.example" 0101 00000009 "b.example""#, "5001 100"),
            (.get, #"0100 00000009 "a.example" 0101 0000000A "@b.example""#, "5001 101"),
            (.get, #"0100 00000009 "a.example" 0101 0000000A "b.example.""#, "5001 101"),
            (.get, #"0100 00000009 "a.example""#, "5001 101"),
            (.get, parties + "0112 00000000", "5001 112"),
            (.get, parties + "0112 00000002 C0AF", "5001 112"),
            (.get, parties + "0112 000000FF" + repeated("41", 255), nil),
            (.get, parties + "0112 00000100" + repeated("41", 256), "5001 112"),
            (.get, parties + repeated("0112 00000001 41", 256), nil),
            (.get, parties + repeated("0112 00000001 41", 257), "5001 112"),
            (.get, parties + repeated("0112 00000001 41", 10_000), "5001 112"),
            (.pushAttributes, #"0101 00000009 "b.example""#, nil),
            (.pushAttributes, "0111 00000007 0112 00000001 41", "5001 101"),
            (
                .pushAttributes, #"0101 00000009 "b.example""# + repeated("0111 00000007 0112 00000001 41", 257),
                "5001 111"
            ),
        ] as [(RecordType, String, String?)]
    )
    func fields(type: RecordType, fields: String, expected: String?) {
        #expect(verdict(type, fields) == expected)
    }

    @Test(
        "I.1.2: a field of a message's or a report's newer kind that breaks a rule refuses its record and is named",
        arguments: [
            (.message, message + "0190 00000001 02", nil), (.message, message + "0190 00000001 FF", nil),
            (.message, message + "0190 00000002 0002", "5001 190"),
            (.message, message + repeated("0190 00000001 02", 2), "5001 190"),
            (.message, message + "0191 00000001 02", "5001 191"),
            (.message, message + "0192 0000000E 0193 00000001 01 0194 00000001 41", nil),
            (.message, message + "0192 0000000E 0193 00000001 09 0194 00000001 41", nil),
            (.message, message + "0192 00000007 0194 00000001 41", "5001 193"),
            (.message, message + "0192 00000007 0193 00000001 01", "5001 194"),
            (.message, message + "0192 0000000D 0193 00000001 01 0194 00000000", "5001 194"),
            (.message, message + "0192 0000080D 0193 00000001 01 0194 00000800" + repeated("41", 2048), nil),
            (.message, message + "0192 0000080E 0193 00000001 01 0194 00000801" + repeated("41", 2049), "5001 194"),
            (.message, message + "0192 00000015 0193 00000001 01 0194 00000001 41 8121 00000001 41", "5008 8121"),
            (.message, message + repeated("0192 0000000E 0193 00000001 01 0194 00000001 41", 256), nil),
            (.message, message + repeated("0192 0000000E 0193 00000001 01 0194 00000001 41", 257), "5001 192"),
            (.report, report + "0195 00000001 02", nil), (.report, report + "0195 00000001 63", nil),
            (.report, report + "0195 00000002 0002", "5001 195"),
        ] as [(RecordType, String, String?)]
    )
    func newer(type: RecordType, fields: String, expected: String?) {
        #expect(verdict(type, fields) == expected)
    }

    @Test("IMX 4.4.2: a chat state, a kind of recipient and a stage that are not known say nothing")
    func unknownNumbers() throws {
        let fields = message + "0190 00000001 09 0192 0000000E 0193 00000001 09 0194 00000001 41"
        let record = try MessageRecord(payload: octets(fields))
        let envelope = record.envelope(
            source: try #require(Domain("a.example")),
            destination: try #require(Domain("b.example")),
            deadline: .distantFuture,
            freshTrace: TraceID(high: 1, low: 1)
        )
        #expect(envelope.details?.chatState == nil && envelope.details?.otherRecipients.isEmpty == true)
        let far = try ReportRecord(payload: octets(report + "0195 00000001 09")).envelope(
            source: try #require(Domain("a.example")),
            destination: try #require(Domain("b.example")),
            messageID: try #require(MessageID("r")),
            deadline: .distantFuture,
            freshTrace: TraceID(high: 1, low: 1)
        )
        guard case .report(let read) = far.operation else { throw Unusable() }
        #expect(read.stage == .delivery)
    }

    @Test("bounds: what is longer than a field may be is cut or left out and listed, and the rest crosses")
    func cut() throws {
        let long = String(repeating: "x", count: 3000)
        var details = Envelope.Details()
        details.otherRecipients =
            [
                OtherRecipient(.to, uri: long), OtherRecipient(.to, uri: ""),
                OtherRecipient(.cc, uri: "im:x", name: long),
            ]
            + Array(repeating: OtherRecipient(.to, uri: "im:y"), count: 300)
        details.attributes = [
            Attribute(long, value: text("1")), Attribute("", value: text("2")),
            Attribute("k", type: long, value: text("3")), Attribute("good", value: text("4")),
        ]
        var envelope = Envelope(
            source: try #require(Address("alice@a.example")),
            destination: try #require(Address("bob@b.example")),
            messageID: try #require(MessageID("m")),
            trace: TraceID(high: 1, low: 1),
            details: details
        )
        var out = ByteBuffer()
        out.writeMessage(envelope, deadline: nil, tag: 1)
        let read = try #require(try MessageRecord(payload: out.payload).details)
        #expect(read.recipients.count == 254 && read.recipients.first?.name?.readableBytes == 1024)
        #expect(read.attributes.map { String(buffer: $0.key) } == ["good"])
        #expect(read.losses.map { String(buffer: $0.feature) }.sorted() == ["imx:0111", "imx:0192"])
        let id = try #require(SubscriptionID("s"))
        envelope.operation = .notify(.init(id: id, state: .active, sequence: 1))
        out.clear()
        out.writeNotify(.init(id: id, state: .active, sequence: 1), of: envelope, deadline: nil, tag: 1)
        let notification = try NotifyRecord(payload: out.payload)
        #expect(notification.attributes.count == 1 && notification.losses.count == 1)
    }

    @Test("bounds: a subscription's identifier and an attribute's value share no memory with the record")
    func memory() throws {
        var large = ByteBuffer(repeating: 0, count: 1 << 16)
        large.clear()
        try Samples.fullNotify().write(to: &large, tag: 1)
        let envelope = try NotifyRecord(payload: large.payload).envelope(
            source: try #require(Domain("b.example")),
            destination: try #require(Domain("a.example")),
            messageID: try #require(MessageID("m")),
            deadline: .distantFuture,
            freshTrace: TraceID(high: 1, low: 1)
        )
        guard case .notify(let notification)? = envelope?.operation else { throw Unusable() }
        #expect(notification.id.octets.storageCapacity < 64)
        let value = try #require(envelope?.details?.attributes.first?.value)
        #expect(value.storageCapacity < 64)
        var subscribed = ByteBuffer(repeating: 0, count: 1 << 16)
        subscribed.clear()
        try Samples.fullSubscribe().write(to: &subscribed, tag: 1)
        let wish = try SubscribeRecord(payload: subscribed.payload).envelope(
            source: try #require(Domain("a.example")),
            destination: try #require(Domain("b.example")),
            messageID: try #require(MessageID("m")),
            deadline: .distantFuture,
            freshTrace: TraceID(high: 1, low: 1)
        )
        guard case .subscribe(let read)? = wish?.operation else { throw Unusable() }
        #expect(read.id.octets.storageCapacity < 64 && read.forgets && read.seconds == 0)
    }

    @Test("I.1.3: an answer of granted time and attributes crosses whole")
    func answers() throws {
        let attributes = [
            Attribute("alias", type: "text/plain", value: text("Bob"), seconds: 5),
            Attribute("x", status: .noSuchUser), Attribute("empty", value: ByteBuffer()),
        ]
        for details in [
            Outcome.Details(grantedSeconds: 0), Outcome.Details(grantedSeconds: .max, attributes: attributes),
        ] {
            var out = ByteBuffer()
            AnswerRecord(outcome: Outcome(.awaitingApproval, details: details)).write(
                to: &out,
                answering: .subscribe,
                tag: 1
            )
            let read = try AnswerRecord(payload: out.payload).outcome
            #expect(read == Outcome(.awaitingApproval, details: details))
        }
    }

    @Test("I.1.2: baggage of other protocols has no place in these records, and unknown fields travel on")
    func baggage() throws {
        var details = Envelope.Details()
        details.baggage = [
            Baggage(origin: "xmpp", name: "x", octets: text("<x/>")),
            Baggage(origin: "imx", name: "4001", octets: text("y")),
            Baggage(origin: "imx", name: "0131", octets: text("s2")),
        ]
        let wish = Envelope.Subscribe(id: try #require(SubscriptionID("s1")), seconds: 1)
        let envelope = Envelope(
            operation: .subscribe(wish),
            source: try #require(Address("alice@a.example")),
            destination: try #require(Address("bob@b.example")),
            messageID: try #require(MessageID("m")),
            hops: 0,
            trace: TraceID(high: 1, low: 1),
            details: details
        )
        var out = ByteBuffer()
        out.writeSubscribe(wish, of: envelope, deadline: 7, tag: 1)
        let record = try SubscribeRecord(payload: out.payload)
        #expect(record.extra == [UnknownField(id: FieldID(rawValue: 0x4001), value: text("y"))])
        #expect(record.subscriptID == text("s1"))
        #expect(record.handling == Handling(hops: 0, deadline: 7, trace: TraceID(high: 1, low: 1)))
    }
}
