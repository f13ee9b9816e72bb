// SPDX-License-Identifier: Apache-2.0
import Configuration
import EnvelopeModel
import Testing

@testable import Policy

func domain(_ text: String) throws -> Domain { try #require(Domain(text)) }
func user(_ text: String) throws -> Address { try #require(Address(text)) }

/// A rule in four words.
func rule(_ verdict: String, _ action: String, to owner: String = "everybody", for party: String) throws -> AccessRule {
    AccessRule(
        verdict,
        action,
        owner: try #require(PartyPattern(owner)),
        party: try #require(PartyPattern(party))
    )
}

func message(
    _ operation: Envelope.Operation = .message,
    from source: String,
    to destination: String,
    body: Body = .parts([.text("hi")]),
    details: Envelope.Details? = nil
) throws -> Envelope {
    Envelope(
        operation: operation,
        source: try user(source),
        destination: try user(destination),
        messageID: try #require(MessageID("m")),
        trace: TraceID(high: 1, low: 1),
        body: body,
        details: details
    )
}

/// So many milliseconds after a start that is not zero.
func at(_ milliseconds: Int) -> Instant { Instant(nanoseconds: 5_000_000_000_000) + .milliseconds(milliseconds) }
