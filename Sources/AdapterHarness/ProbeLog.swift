// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel

/// Everything that passed between the core and the adapter under test, and every breach of the contract in it.
final class ProbeLog {
    /// What was handed to the adapter and what it did with it.
    struct Handled {
        let envelope: Envelope
        var outcomes: [Outcome] = []
        var wasRecalled = false
    }

    private(set) var handled: [Ticket: Handled] = [:]
    private(set) var submissions: [Submission] = []
    private(set) var links: [LinkState] = []
    private(set) var notes: [TraceID: [String]] = [:]
    private(set) var outstanding = 0
    private(set) var mostOutstanding = 0
    private(set) var isPaused = false
    private(set) var submittedWhilePaused = 0
    private(set) var stopCompletions = 0
    private(set) var submittedAfterStop = 0
    /// Settlements of tickets that were not open and had not been recalled.
    private(set) var strayOutcomes: [String] = []
    /// What the adapter told about presence.
    private(set) var presenceEvents: [PresenceEvent] = []
    private(set) var probeCount = 0
    /// The probes without an answer, oldest first.
    private(set) var openProbes: [(presentity: Address, watcher: Address)] = []
    /// How often each request for attributes was answered.
    private(set) var attributeAnswers: [Int] = []
    /// The last events, for people.
    private(set) var events: [String] = []
    private static let eventLimit = 24
    var now: () -> Instant = { .start }

    func record(_ event: String) {
        events.append("\(now().nanoseconds / 1_000_000) ms  \(event)")
        if events.count > ProbeLog.eventLimit { events.removeFirst() }
    }

    func delivered(_ batch: [Delivery]) {
        for delivery in batch { handled[delivery.ticket] = Handled(envelope: delivery.envelope) }
        outstanding += batch.count
        mostOutstanding = max(mostOutstanding, outstanding)
        guard let first = batch.first else { return }
        let rest = batch.count > 1 ? " and \(batch.count - 1) more" : ""
        record("core -> adapter: deliver \(first.ticket) \(shown(first.envelope))\(rest)")
    }

    func settled(_ ticket: Ticket, _ outcome: Outcome) {
        record("adapter -> core: settle \(ticket) \(outcome.code) \(outcome.text ?? "")")
        guard var entry = handled[ticket] else {
            return strayOutcomes.append("\(ticket) was never handed to the adapter, and was settled \(outcome.code)")
        }
        if entry.outcomes.isEmpty, !entry.wasRecalled { outstanding -= 1 }
        entry.outcomes.append(outcome)
        handled[ticket] = entry
        guard entry.outcomes.count > 1 else { return }
        let codes = entry.outcomes.map(\.code.description).joined(separator: ", ")
        strayOutcomes.append("\(ticket) was settled \(entry.outcomes.count) times: \(codes)")
    }

    func recalled(_ ticket: Ticket, _ answer: Withdrawal) {
        record("core -> adapter: withdraw \(ticket), answer \(answer)")
        guard handled[ticket]?.outcomes.isEmpty == true else { return }
        handled[ticket]?.wasRecalled = true
        outstanding -= 1
    }

    func submitted(_ batch: [Submission]) {
        submissions += batch
        if isPaused { submittedWhilePaused += batch.count }
        if stopCompletions > 0 { submittedAfterStop += batch.count }
        guard let first = batch.first else { return }
        let rest = batch.count > 1 ? " and \(batch.count - 1) more" : ""
        record("adapter -> core: submit \(shown(first.envelope))\(rest)")
    }

    func paused(_ isPaused: Bool) {
        record("core -> adapter: \(isPaused ? "pause" : "resume")")
        self.isPaused = isPaused
    }

    func linkChanged(_ state: LinkState) {
        record("adapter -> core: link \(state)")
        links.append(state)
    }

    func noted(_ trace: TraceID, _ step: String) { notes[trace, default: []].append(step) }

    func ordered(_ orders: [PresenceOrder]) {
        for order in orders {
            record("core -> adapter: presence, \(order)")
            guard case .probe(let presentity, let watcher) = order else { continue }
            probeCount += 1
            openProbes.append((presentity, watcher))
        }
    }

    func told(_ events: [PresenceEvent]) {
        presenceEvents += events
        for event in events {
            record("adapter -> core: presence, \(event)")
            switch event {
            case .publishes(let presentity, let watcher, _):
                openProbes.removeAll { $0.presentity == presentity && (watcher == nil || $0.watcher == watcher) }
            case .refuses(let presentity, let watcher):
                openProbes.removeAll { $0.presentity == presentity && $0.watcher == watcher }
            case .asks, .givesUp, .wants, .leaves, .approves: break
            }
        }
    }

    /// Notes a request for attributes; what is returned is to be called with each answer.
    func askedForAttributes(of subject: Address, _ keys: [String]) -> ([Attribute]) -> Void {
        record("core -> adapter: attributes of \(subject), \(keys)")
        let place = attributeAnswers.count
        attributeAnswers.append(0)
        return { [weak self] found in
            self?.record("adapter -> core: attributes, \(found.map(\.key))")
            self?.attributeAnswers[place] += 1
        }
    }

    func stopped() {
        record("adapter -> core: stopped")
        stopCompletions += 1
    }
}

/// An envelope for people: its parties, its identifier and the size of its content.
func shown(_ envelope: Envelope) -> String {
    "\(envelope.source) -> \(envelope.destination) id \(envelope.messageID) \(envelope.body.octetCount) octets"
}

/// A text for people: short, and without anything that a terminal would obey.
func shown(_ text: String) -> String {
    let visible = text.unicodeScalars.prefix(48).map { $0.value < 0x20 || $0.value == 0x7F ? "\u{FFFD}" : $0 }
    let cut = text.unicodeScalars.count > 48 ? "... (\(text.utf8.count) octets)" : ""
    return "\"" + String(String.UnicodeScalarView(visible)) + "\"" + cut
}
