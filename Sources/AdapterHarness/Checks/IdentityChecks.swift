// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel

/// Who is who on both sides of the adapter, and for whom it may speak.
extension Check {
    static let identity: [Check] = [
        Check(
            "identity.sender",
            "what a user writes leaves under the user's own address",
            proves: "IMX 2.3",
            "IMX 2.5c",
            capabilities: [.sendsMessages],
            hint: "build the source address from the service's identifier of its user, without folding or rewriting"
        ) { bench in
            let envelope = try await bench.arrivals(of: ["hello"])[0]
            let (user, eve) = (bench.subject.knownUser, try bench.foreign())
            try bench.require(envelope.source == user, "source \(user)", seen: "source \(envelope.source)")
            try bench.require(envelope.destination == eve, "destination \(eve)", seen: "\(envelope.destination)")
            let text = envelope.plainText ?? "no text"
            try bench.require(text.isExactly("hello"), "text \"hello\"", seen: shown(text))
        },
        Check(
            "identity.recipient",
            "a message reaches the user it is for, and names its sender",
            proves: "IMX 2.3",
            "RFC2779 5.4.3",
            capabilities: [.receivesMessages],
            hint: "hand the source address to the service in the form in which its users name foreign people"
        ) { bench in
            let (user, eve) = (bench.subject.knownUser, try bench.foreign())
            bench.submit([try bench.envelope(to: user, "hello")])
            let messages = try await bench.received(1)
            await bench.quiet()
            try bench.require(
                bench.subject.received.count == 1,
                "one message",
                seen: "\(bench.subject.received.count) messages"
            )
            try bench.require(
                messages[0].destination == user && messages[0].source == eve,
                "\(eve) -> \(user)",
                seen: messages[0].description
            )
        },
        Check(
            "identity.odd-addresses",
            "foreign names that the service cannot write are escaped or refused, never changed",
            proves: "IMX 4.2.1",
            "IMX 2.11",
            capabilities: [.receivesMessages, .sendsMessages],
            hint: "escape what the service's grammar forbids, so that it can be undone; else settle 5002",
            run: oddAddresses
        ),
    ]

    static let confinement: [Check] = [
        Check(
            "confinement.domains",
            "the adapter speaks for its own domains only",
            proves: "Contract confine",
            "IMX 6.2.1",
            capabilities: [.sendsMessages],
            hint: "the source of every submission must be of a domain for which host.serves(_:) is true"
        ) { bench in
            let eve = try bench.foreign()
            for number in 0..<5 {
                let text = "word \(number)"
                try await bench.subject.send(ServiceMessage(from: bench.subject.knownUser, to: eve, text))
            }
            try await bench.until("5 submissions", seen: { "\(bench.log.submissions.count)" }) {
                bench.log.submissions.count >= 5
            }
            let domains = bench.subject.domains
            let others = bench.log.submissions.map(\.envelope.source.domain).filter { !domains.contains($0) }
            try bench.require(
                others.isEmpty,
                "sources at \(domains)",
                seen: others.map(\.name).joined(separator: ", ")
            )
        },
        Check(
            "confinement.forged",
            "a user cannot write under an address of another domain",
            proves: "Contract confine",
            "IMX 6.2.2",
            "RFC2779 5.4.3",
            needs: [.forges],
            capabilities: [.sendsMessages],
            hint: "take the source from what the service vouches for, not from what its user wrote"
        ) { bench in
            let eve = try bench.foreign()
            let forged = ([bench.foreignDomain] + bench.subject.domains).compactMap { Address("mallory@\($0)") }
            for source in forged where source.domain != bench.subject.knownUser.domain {
                try await bench.subject.forge(ServiceMessage(from: source, to: eve, "forged"))
            }
            await bench.quiet()
            // A service may also put the user's own address in place of the claimed one (RFC 6120 §8.1.2.1).
            let user = bench.subject.knownUser
            let arrived = bench.letters.filter { $0.source != user }
            try bench.require(
                arrived.isEmpty,
                "nothing arrives but under \(user)",
                seen: arrived.map(shown).joined(separator: "; ")
            )
        },
    ]

    /// Names with what other grammars use as marks: XMPP forbids nine of them, mail quotes most.
    private static let oddNames = [
        "o'brien", "tom&jerry", "a/b", "x:y", "<z>", "two words", "\"quoted\"", "back\\slash", "b\\40c", "UPPER",
        "j\u{FC}rgen", "\u{540D}\u{524D}", "\u{5E9}\u{5DC}\u{5D5}\u{5DD}", "+1-555", "a.b+c=d",
    ]

    @Sendable private static func oddAddresses(_ bench: Bench) async throws {
        let user = bench.subject.knownUser
        for name in oddNames {
            let sender = try bench.foreign(name)
            let before = bench.subject.received.count
            let outcome = try await bench.outcome(of: try bench.envelope(from: name, to: user, "hello"))
            if outcome.code == .addressInvalid { continue }
            try bench.require(
                outcome.code == bench.success,
                "\(sender) gets through or is refused 5002",
                seen: "\(outcome.code)"
            )
            let message = try await bench.received(before + 1)[before]
            let shown = bench.subject.rendering(of: sender)
            try bench.require(message.source == shown, "source \(shown)", seen: "source \(message.source)")
            let arrived = bench.letters.count
            try await bench.subject.send(ServiceMessage(from: user, to: message.source, "back"))
            let answer = try await bench.arrived(arrived + 1)[arrived]
            try bench.require(
                answer.destination == sender,
                "the answer goes to \(sender)",
                seen: "it goes to \(answer.destination)"
            )
        }
    }
}
