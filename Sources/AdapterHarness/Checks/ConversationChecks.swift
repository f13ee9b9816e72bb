// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import MessageFormats

import struct NIOCore.ByteBuffer

/// What clients tell each other beside the text.
extension Check {
    static let conversation: [Check] = [
        feature(.chatStates, "chat states", proves: "XEP-0085") {
            $0.chatState = .composing
        } write: {
            $0.chatState = .composing
        } survives: { message in
            message.chatState == .composing
        } leaves: { envelope in
            envelope.details?.chatState == .composing
        },
        Check(
            "capabilities.typing",
            "a chat state without a message reaches who has shown to understand it, and is never an empty message",
            proves: "XEP-0085",
            "F.4",
            capabilities: [.receivesMessages],
            hint: "carry it; or settle it delivered and count(.chatState), or refuse it; never show an empty message",
            run: typing
        ),
        Check(
            "capabilities.corrections",
            "messages that replace earlier ones say which, or are refused, or are listed as a loss",
            proves: "XEP-0308",
            hint: featureHint,
            run: corrections
        ),
        Check(
            "capabilities.rich-text",
            "rich text survives beside the plain one, or is refused or listed as a loss",
            proves: "IMX 5.2",
            hint: featureHint,
            run: richText
        ),
    ]

    @Sendable private static func typing(_ bench: Bench) async throws {
        let isDeclared = bench.descriptor.capabilities.contains(.chatStates)
        let user = bench.subject.knownUser
        if isDeclared, bench.descriptor.capabilities.contains(.sendsMessages) {
            var shown = ServiceMessage(from: user, to: try bench.foreign(), "hello")
            shown.chatState = .active
            try await bench.subject.send(shown)
            _ = try await bench.arrived(1)
        }
        var details = Envelope.Details()
        details.chatState = .composing
        var envelope = try bench.envelope(to: user, "", details: details)
        envelope.body = .none
        let outcome = try await bench.outcome(of: envelope)
        if !isDeclared, outcome.disposition == .failed, !outcome.code.isTemporary { return }
        try bench.require(outcome.code == bench.success, "taken, or refused for good", seen: "\(outcome.code)")
        if isDeclared {
            let message = try await bench.received(1)[0]
            let isBare = message.text.isEmpty && message.chatState == .composing
            try bench.require(
                isBare,
                "the state and no text",
                seen: "\(message), \(String(describing: message.chatState))"
            )
        } else {
            await bench.quiet()
            let count = bench.subject.received.count
            try bench.require(count == 0, "no empty message", seen: "\(count) messages")
        }
    }

    @Sendable private static func corrections(_ bench: Bench) async throws {
        let isDeclared = bench.descriptor.capabilities.contains(.corrections)
        let user = bench.subject.knownUser
        if bench.descriptor.capabilities.contains(.receivesMessages) {
            var details = Envelope.Details()
            details.replaces = MessageID("the-first")
            let envelope = try bench.envelope(to: user, "hello", details: details)
            try await bench.requireCarried(envelope, isDeclared) { $0.replaces == "the-first" }
        }
        guard isDeclared, bench.descriptor.capabilities.contains(.sendsMessages) else { return }
        let eve = try bench.foreign()
        try await bench.subject.send(ServiceMessage(from: user, to: eve, "helo", nativeID: "n-1"))
        // The second correction names the original too.
        for number in 2...3 {
            var message = ServiceMessage(from: user, to: eve, "hello", nativeID: "n-\(number)")
            message.replaces = "n-1"
            try await bench.subject.send(message)
        }
        let left = try await bench.arrived(3)
        let replaced = left.map(\.details?.replaces)
        try bench.require(
            replaced == [nil, left[0].messageID, left[0].messageID],
            "two messages that replace \(left[0].messageID)",
            seen: "\(replaced)"
        )
    }

    @Sendable private static func richText(_ bench: Bench) async throws {
        let isDeclared = bench.descriptor.capabilities.contains(.richText)
        let user = bench.subject.knownUser
        let octets = "<b>hello</b>"
        if bench.descriptor.capabilities.contains(.receivesMessages) {
            var envelope = try bench.envelope(to: user, "")
            let rich = BodyPart(mediaType: HTMLLite.writtenMediaType, octets: ByteBuffer(string: octets))
            envelope.body = .parts([.text("hello"), rich])
            try await bench.requireCarried(envelope, isDeclared) { $0.richText == octets && $0.text == "hello" }
        }
        guard isDeclared, bench.descriptor.capabilities.contains(.sendsMessages) else { return }
        var message = ServiceMessage(from: user, to: try bench.foreign(), "hello")
        message.richText = octets
        try await bench.subject.send(message)
        let left = try await bench.arrived(1)[0]
        let parts = (try? MIMEEntity.parts(of: left.body).get()) ?? []
        let rich = parts.first { HTMLLite.isHTMLLite(mediaType: $0.mediaType) }
        try bench.require(
            rich.map { String(buffer: $0.octets) } == octets && left.plainText == "hello",
            "the text, plain and rich",
            seen: "\(parts.map(\.mediaType))"
        )
    }
}
