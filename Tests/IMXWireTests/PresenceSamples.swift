// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore

@testable import IMXWire

extension Samples {
    static let documentXML = #"<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:bob@b.example"/>"#
    static let document = "Content-Type: application/pidf+xml\r\n\r\n" + documentXML

    private static let handling = Handling(hops: 127, deadline: 5_000, trace: TraceID(high: 1, low: 2))

    static func subscribe() throws -> SubscribeRecord {
        SubscribeRecord(
            watcher: try address("alice@a.example"),
            target: try address("bob@b.example"),
            duration: 1800,
            subscriptID: text("s1")
        )
    }

    static func fullSubscribe() throws -> SubscribeRecord {
        var full = try subscribe()
        full.duration = 0
        full.forget = true
        full.fromName = LocalizedOctets(text: text("Alice"), language: text("en"))
        full.handling = handling
        return full
    }

    static func notify() throws -> NotifyRecord {
        NotifyRecord(
            presentity: try address("bob@b.example"),
            watcher: try address("alice@a.example"),
            subscriptID: text("s1"),
            state: .active,
            sequence: 1
        )
    }

    static func fullNotify() throws -> NotifyRecord {
        var full = try notify()
        full.sequence = 2
        full.mime = text(document)
        full.attributes = [AttributeField(key: text("alias"), value: text("Bob"), seconds: 3600)]
        full.losses = [LossField(feature: text("xmpp:caps"), reason: text("no place for it"))]
        full.handling = handling
        return full
    }

    static func endedNotify() throws -> NotifyRecord {
        var ended = try notify()
        ended.state = .ended
        ended.reason = .refused
        ended.sequence = 3
        return ended
    }

    /// What the specification shows of subscriptions.
    static func subscriptionRecords() throws -> [(name: String, octets: ByteBuffer)] {
        var granted = AnswerRecord.Details()
        granted.granted = 900
        let answer = AnswerRecord(.delivered, details: granted)
        return [
            ("subscribe", try written { try subscribe().write(to: &$0, tag: 11) }),
            ("subscribe-full", try written { try fullSubscribe().write(to: &$0, tag: 11) }),
            ("subscribe-answer", written { answer.write(to: &$0, answering: .subscribe, tag: 11) }),
            ("notify", try written { try notify().write(to: &$0, tag: 12) }),
            ("notify-full", try written { try fullNotify().write(to: &$0, tag: 12) }),
            ("notify-ended", try written { try endedNotify().write(to: &$0, tag: 12) }),
        ]
    }

    /// What the specification shows of attributes.
    static func attributeRecords() throws -> [(name: String, octets: ByteBuffer)] {
        let alice = try address("alice@a.example")
        let get = GetRecord(
            requester: .user(alice),
            subject: .domain(text("b.example")),
            keys: [text("contact.abuse")]
        )
        var ofDomain = GetRecord(
            requester: .domain(text("a.example")),
            subject: .user(try address("bob@b.example")),
            keys: [text("alias"), text("b.example/shoe-size")]
        )
        ofDomain.handling = handling
        var details = AnswerRecord.Details()
        details.attributes = [
            AttributeField(key: text("alias"), value: text("Bob"), seconds: 3600),
            AttributeField(key: text("b.example/shoe-size"), status: OutcomeCode.noSuchUser.rawValue),
        ]
        let answer = AnswerRecord(.delivered, details: details)
        let push = PushAttributesRecord(
            subject: .user(try address("bob@b.example")),
            attributes: [AttributeField(key: text("alias"), value: text("Bob"), seconds: 3600)]
        )
        return [
            ("get", written { get.write(to: &$0, tag: 13) }),
            ("get-domain", written { ofDomain.write(to: &$0, tag: 13) }),
            ("get-answer", written { answer.write(to: &$0, answering: .get, tag: 13) }),
            ("push-attr", written { push.write(to: &$0) }),
        ]
    }
}
