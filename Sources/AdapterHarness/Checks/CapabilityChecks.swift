// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel

import struct NIOCore.ByteBuffer

/// What is declared works; what is not declared is refused or listed as a loss.
extension Check {
    static let capabilities: [Check] = fields + conversation

    private static let fields: [Check] = [
        feature(.subjects, "subjects", proves: "IMX 2.7") {
            $0.subjects = [LocalizedText("the plan")]
        } write: {
            $0.subjects = [LocalizedText("the plan")]
        } survives: { message in
            message.subjects.map(\.text) == ["the plan"]
        } leaves: { envelope in
            envelope.details?.subjects.map(\.text) == ["the plan"]
        },
        feature(.threads, "conversations", proves: "IMX 2.7") {
            $0.thread = MessageThread(id: "thread-1")
        } write: {
            $0.thread = "thread-1"
        } survives: { message in
            message.thread == "thread-1"
        } leaves: { envelope in
            envelope.details?.thread?.id == "thread-1"
        },
        feature(.languages, "several languages", proves: "IMX 2.11") {
            $0.subjects = bilingual
        } write: {
            $0.subjects = bilingual
        } survives: { message in
            Set(message.subjects) == Set(bilingual)
        } leaves: { envelope in
            Set(envelope.details?.subjects ?? []) == Set(bilingual)
        },
        Check(
            "capabilities.opaque-content",
            "content of an unknown type passes octet for octet, or is refused or listed",
            proves: "IMX 2.9c",
            capabilities: [.receivesMessages],
            hint: featureHint,
            run: opaque
        ),
        Check(
            "capabilities.unknown-operation",
            "an operation that nobody knows is refused 5008",
            proves: "IMX 4.4.2",
            hint: "settle .notUnderstood for every operation that the adapter does not handle"
        ) { bench in
            var envelope = try bench.envelope(to: bench.subject.knownUser, "")
            envelope.operation = .unknown(type: 0x7FFE)
            let outcome = try await bench.outcome(of: envelope)
            try bench.require(outcome.code == .notUnderstood, "5008", seen: "\(outcome.code)")
        },
        Check(
            "capabilities.reports",
            "a report about an earlier message is settled, and answered by nothing",
            proves: "Contract outcome",
            "RFC2779 4.2.1",
            hint: "settle a report when the service has it, or count(.report) and settle; an error never answers one"
        ) { bench in
            var envelope = try bench.envelope(to: bench.subject.knownUser, "")
            envelope.body = .none
            envelope.operation = .report(.init(about: envelope.messageID, outcome: Outcome(.uncertain)))
            _ = try await bench.outcome(of: envelope)
            await bench.quiet()
            let answers = bench.log.submissions.count
            try bench.require(answers == 0, "no answer", seen: "\(answers) submissions")
        },
    ]

    private static let bilingual = [
        LocalizedText("the plan", language: "en"), LocalizedText("der Plan", language: "de"),
    ]

    static let featureHint =
        "carry it, or take the capability out of the descriptor and refuse it or list it by host.note(trace, \"lost ...\")"

    /// A check of one feature, into the service and, where it is declared, out of it.
    static func feature(
        _ capability: Capability,
        _ what: String,
        proves requirement: String,
        _ fill: @escaping @Sendable (inout Envelope.Details) -> Void,
        write: @escaping @Sendable (inout ServiceMessage) -> Void,
        survives: @escaping @Sendable (ServiceMessage) -> Bool,
        leaves: @escaping @Sendable (Envelope) -> Bool
    ) -> Check {
        Check(
            "capabilities.\(capability.rawValue)",
            "\(what) survive, or are refused or listed as a loss",
            proves: requirement,
            hint: featureHint
        ) { bench in
            let isDeclared = bench.descriptor.capabilities.contains(capability)
            if bench.descriptor.capabilities.contains(.receivesMessages) {
                var details = Envelope.Details()
                fill(&details)
                let envelope = try bench.envelope(to: bench.subject.knownUser, "hello", details: details)
                try await bench.requireCarried(envelope, isDeclared, survives)
            }
            guard isDeclared, bench.descriptor.capabilities.contains(.sendsMessages) else { return }
            var message = ServiceMessage(from: bench.subject.knownUser, to: try bench.foreign(), "hello")
            write(&message)
            try await bench.subject.send(message)
            let left = try await bench.arrived(1)[0]
            try bench.require(leaves(left), "\(what) leave the service", seen: "\(left.details ?? .init())")
        }
    }

    @Sendable private static func opaque(_ bench: Bench) async throws {
        let octets = ByteBuffer(bytes: (0..<512).map { UInt8(truncatingIfNeeded: $0 &* 7) })
        var envelope = try bench.envelope(to: bench.subject.knownUser, "")
        envelope.body = .parts([BodyPart(mediaType: "application/x-sealed", octets: octets, isOpaque: true)])
        let isDeclared = bench.descriptor.capabilities.contains(.opaqueContent)
        try await bench.requireCarried(envelope, isDeclared) { $0.content?.octets == octets }
    }
}

extension Bench {
    /// Fails unless the envelope reaches a user whole, or, where it need not, is refused for good or its loss is listed.
    func requireCarried(
        _ envelope: Envelope,
        _ isDeclared: Bool,
        _ survives: (ServiceMessage) -> Bool
    ) async throws {
        let outcome = try await outcome(of: envelope)
        let isRefused = outcome.disposition == .failed && !outcome.code.isTemporary
        if isRefused && !isDeclared { return }
        try require(
            outcome.code == success,
            isDeclared ? "declared, so taken" : "taken or refused",
            seen: "\(outcome.code)"
        )
        let message = try await received(1)[0]
        if survives(message) { return }
        try require(
            !isDeclared,
            "declared, so it reaches the user",
            seen: "\(message.subjects) \(message.thread ?? "") \(message.richText ?? "")"
        )
        let notes = log.notes[envelope.trace] ?? []
        try require(
            notes.contains { $0.hasPrefix("lost ") },
            "a step \"lost ...\" in the envelope's trace",
            seen: "\(notes)"
        )
    }
}
