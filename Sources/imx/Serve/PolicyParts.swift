// SPDX-License-Identifier: Apache-2.0
import Aggregator
import Configuration
import EnvelopeModel
import NIOCore
import Policy
import Presence
import Store
import Telemetry

/// Joins rules and budgets to those who ask for them.
enum PolicyParts {
    /// Has the core ask the gate about envelopes, and the desk about watchers; and the gate the desk about contacts.
    static func join(_ gate: Gate, to core: AggregatorCore) {
        gate.isHosted = { [unowned core] in core.serves($0) }
        core.mayKnowWatchers = { [unowned gate] in gate.decide(.watchers, owner: $1, party: $0).verdict == .allow }
        core.gate = { gate.refusal(of: $0, now: $1) }
        guard let desk = core.desk else { return }
        gate.isContact = { [unowned desk] in desk.hasApproved($0, $1) || desk.sees($0, $1) }
        gate.knows = { [unowned desk] in desk.hasApproved($0, $1) || desk.watches($0, $1) }
        gate.hasLease = { [unowned desk] in desk.hasLease($0, $1) }
        desk.verdict = { [unowned gate] in verdict(gate.decide(.subscribe, owner: $1, party: $0)) }
        desk.verdictOnFetch = { [unowned gate] in verdict(gate.decide(.fetch, owner: $1, party: $0)) }
        desk.verdictOnAttributes = { [unowned gate] in verdict(gate.decide(.attributes, owner: $1, party: $0)) }
    }

    /// What a domain of a class publishes beside what the core knows of it (IMX-1 §7.7).
    ///
    /// - Parameters:
    ///   - configuration: What is in force now.
    ///   - started: What the front was made with.
    ///   - requester: Whose senders the rate is for.
    static func attributes(
        _ className: String,
        _ configuration: AggregatorConfiguration,
        _ started: AggregatorConfiguration,
        _ gate: Gate,
        for requester: Domain
    ) -> [Attribute] {
        var found = [Attribute("connection.idle-seconds", number: Int(started.timeouts.idle.seconds))]
        if let rate = gate.perMinute(ofSendersAt: requester) {
            found.append(Attribute("rate.per-minute", number: rate))
        }
        if let contact = configuration.classes[className]?.contact {
            found.append(Attribute("contact.abuse", value: ByteBuffer(string: contact), seconds: 86_400))
        }
        return found
    }

    /// Has the gate know whom users here had written to before, and the database whom they write to from now on.
    static func remember(_ gate: Gate, in database: StateDatabase, count: Int, now: Instant) throws {
        for contact in try database.contacts(last: count) {
            gate.restoreContact(of: contact.key.writer, with: contact.key.reader, now: now)
        }
        gate.onContact = { database.remember(.init(writer: $0, reader: $1), at: WallTime.now) }
    }

    private static func verdict(_ decision: RuleBook.Decision) -> PresenceVerdict {
        switch decision.verdict {
        case .allow: .allow
        case .deny: .deny
        case .polite: .polite
        case .ask: .ask
        }
    }
}
