// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import Logging
import NIOCore
import XMLStream

/// Presence stanzas on their way from the server (standards reference F.3, F.5).
extension XMPPAdapter {
    func receivedPresence(_ stanza: XMLElement) {
        guard !isStopping else { return }
        switch PresenceReading(stanza, addresses) {
        case .word(let word, var parties):
            know(&parties, isUse: word == .subscribe)
            stays(parties.user)
            memory.remember(parties.form, default: defaultForm, parties, isWord: true)
            received(word, stanza, parties)
        case .available(var parties):
            know(&parties, isUse: true)
            stays(parties.user)
            memory.remember(parties.form, default: defaultForm, parties, isWord: false)
            published(stanza, parties, isAvailable: true)
        case .unavailable(var parties):
            know(&parties, isUse: false)
            published(stanza, parties, isAvailable: false)
        case .failure(let id, let isTemporary, var parties):
            parties.foreign = senders.original(of: parties.foreign)
            failed(id, isTemporary: isTemporary, stanza, parties)
        case .refused(let refusal): refuse(refusal, stanza)
        case .unknown: drop(.presence, stanza)
        case .malformed: drop(.malformed, stanza)
        }
    }

    /// Tells the core what this burst brought.
    func submitPresence() {
        let events = memory.takeEvents()
        if !events.isEmpty { host.presence(events) }
    }

    /// Finds the foreign party's true address, and remembers that there was word. `isUse` says whether it is the user's
    /// own doing to name that party.
    private func know(_ parties: inout PresenceParties, isUse: Bool) {
        parties.foreign = isUse ? senders.meant(by: parties.foreign) : senders.original(of: parties.foreign)
        if !memory.probes.isEmpty { memory.probes.remove(PresencePair(user: parties.user, foreign: parties.foreign)) }
    }

    /// The user is there, and does something.
    private func stays(_ user: Address) {
        if !memory.departures.isEmpty { memory.departures.remove(user) }
    }

    private func received(_ word: PresenceWord, _ stanza: XMLElement, _ parties: PresenceParties) {
        let user = parties.user.detached()
        let foreign = parties.foreign.detached()
        let pair = PresenceMemory.pair(user, foreign)
        switch word {
        case .subscribe:
            let id = stanza.attribute(Names.id) ?? ByteBuffer()
            if id.readableBytes <= MessageReader.fieldLimit, memory.asked.count < PresenceMemory.limit {
                memory.asked[pair] = ByteBuffer(bytes: id.readableBytesView)
            }
            note(nick(stanza), of: user)
            memory.add(.asks(watcher: user, presentity: foreign, name: nick(stanza)))
        case .unsubscribe:
            memory.asked[pair] = nil
            memory.add(.givesUp(watcher: user, presentity: foreign))
        case .probe:
            // A session begins, and whatever was shown before, it was not shown to this one.
            memory.shown.want(pair)
            memory.add(.wants(watcher: user, presentity: foreign))
        case .subscribed:
            // Whom a user here lets see owns the address from then on.
            if let asker = senders.takeAsker(of: user, as: parties.shown) {
                memory.add(
                    senders.admit(asker)
                        ? .approves(presentity: user, watcher: asker) : .refuses(presentity: user, watcher: asker)
                )
            } else {
                _ = senders.meant(by: parties.shown)
                memory.add(.approves(presentity: user, watcher: foreign))
            }
        case .unsubscribed:
            let asker = senders.takeAsker(of: user, as: parties.shown) ?? foreign
            memory.told.forget(user: user, watcher: asker)
            memory.add(.refuses(presentity: user, watcher: asker))
        }
    }

    private func nick(_ stanza: XMLElement) -> DisplayName? {
        guard let text = stanza.child(Names.nick)?.text, text.readableBytes > 0,
            text.readableBytes <= MessageReader.fieldLimit
        else { return nil }
        return DisplayName(String(decoding: text.readableBytesView, as: UTF8.self))
    }

    private func published(_ stanza: XMLElement, _ parties: PresenceParties, isAvailable: Bool) {
        let host = self.host
        let now = wallClock()
        let language = context.language
        let lost = { host.count(.presence) }
        let change =
            isAvailable
            ? memory.told.available(stanza, parties, language: language, now: now, lost: lost)
            : memory.told.unavailable(stanza, parties, language: language, now: now, lost: lost)
        let (user, foreign) = parties.detached()
        if let state = change.state { memory.add(.publishes(presentity: user, watcher: foreign, state: state)) }
        // To be told once more, by the answer to a watcher's probe, is not to come back, and begins no new wait.
        if change.hasLeft, !memory.departures.contains(user), memory.departures.insert(user) {
            askWhetherThere(parties)
            tickPresence()
        }
    }

    /// A user who goes and one who hides from the last watcher send the same stanza. So the device that went is pinged
    /// (XEP-0199 §4.2): where it answers, the user has not left.
    private func askWhetherThere(_ parties: PresenceParties) {
        guard let link, link.isWritable, let resource = parties.resource else { return }
        let start = link.output.writerIndex
        link.output.writeStaticString("<iq type='get' id='imx-there' from='")
        addresses.names.write(settings.component, to: &link.output)
        link.output.writeStaticString("' to='")
        guard addresses.writeLocal(parties.user, to: &link.output) else {
            return link.output.moveWriterIndex(to: start)
        }
        link.output.writeStaticString("/")
        link.output.writeXMLValue(resource)
        link.output.writeStaticString("'><ping xmlns='urn:xmpp:ping'/></iq>")
    }

    /// Whether an answer is that of a device that was pinged. A server answers for one that is gone, but does not say
    /// that pings are not known to it.
    func takeAnswerOfDevice(_ stanza: XMLElement) -> Bool {
        guard stanza.attribute(Names.id, is: "imx-there"),
            let from = stanza.attribute(Names.from).flatMap({ JID($0, names: addresses.names) }),
            let user = addresses.localAddress(of: from)
        else { return false }
        let isError = stanza.attribute(Names.type, is: "error")
        let condition = stanza.child(Names.error)?.children.first { $0.unknownNamespace == Names.stanzas }
        if !isError || condition?.unknownLocalName == "feature-not-implemented" { memory.departures.remove(user) }
        return true
    }

    /// The length of one round of waiting.
    static let presenceRound = Interval.seconds(5)

    /// Lets the timer run while anything is waited for.
    func tickPresence() {
        guard !memory.isTicking, !(memory.probes.isEmpty && memory.departures.isEmpty) else { return }
        memory.isTicking = true
        host.scheduler.schedule(after: XMPPAdapter.presenceRound) { [weak self] in
            guard let self else { return }
            memory.isTicking = false
            host.turn {
                endRound()
                drainPresence()
                submitPresence()
            }
            link?.flush()
            tickPresence()
        }
    }

    /// Tells the core of those of whom nothing came.
    private func endRound() {
        // RFC 6121 §4.3.2 lets a server say nothing of a user without a resource.
        for pair in memory.probes.round() {
            memory.told.forget(user: pair.user, watcher: pair.foreign)
            memory.add(.publishes(presentity: pair.user, watcher: pair.foreign, state: .none))
        }
        // A user who takes back the last approval, or whose connection was lost for a moment, has not left.
        for user in memory.departures.round() { memory.add(.leaves(watcher: user)) }
    }

    /// An error for something that we sent (RFC 6121 §3.1.3, §4.3.2).
    private func failed(
        _ id: ByteBuffer?,
        isTemporary: Bool,
        _ stanza: XMLElement,
        _ parties: PresenceParties
    ) {
        let mark = id.flatMap { PresenceWriter.Mark(rawValue: String(decoding: $0.readableBytesView, as: UTF8.self)) }
        let user = parties.user.detached()
        let foreign = parties.foreign.detached()
        switch mark {
        case .ask where !isTemporary:
            let asker = senders.takeAsker(of: user, as: parties.shown) ?? foreign
            memory.add(.refuses(presentity: user, watcher: asker))
        case .probe:
            memory.probes.remove(PresencePair(user: user, foreign: foreign))
            memory.told.forget(user: user, watcher: foreign)
            memory.add(.publishes(presentity: user, watcher: foreign, state: .none))
        default: drop(.strayError, stanza)
        }
    }

    private func refuse(_ refusal: PresenceRefusal, _ stanza: XMLElement) {
        drop(.presence, stanza)
        guard let header = StanzaHeader(stanza, .presence) else { return }
        switch refusal {
        // RFC 6121 §3.1.3
        case .component: reply { ReplyWriter.writeUnsubscribed(answering: header, to: &$0) }
        case .noAddress: answer(Outcome(.noSuchUser, "no such user"), header)
        }
    }
}
