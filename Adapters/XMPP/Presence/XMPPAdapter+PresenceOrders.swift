// SPDX-License-Identifier: Apache-2.0
public import AdapterKit
import EnvelopeModel
import MessageFormats
import NIOCore
import XMLStream

/// What the core asks about presence (standards reference F.3, F.5).
extension XMPPAdapter {
    /// Writes the stanzas that the orders mean. Without a link they are forgotten: the core gives them again.
    public func presence(_ orders: [PresenceOrder]) {
        guard let link, link.isUp, !isStopping else { return }
        host.turn {
            for order in orders {
                if link.isWritable, memory.waiting.isEmpty {
                    carryOut(order)
                } else if memory.waiting.count < PresenceMemory.limit {
                    memory.waiting.append(order)
                } else {
                    // The core tells it again when it next compares.
                    host.count(.presence)
                }
            }
            link.flush()
            submitPresence()
        }
    }

    /// Carries out what waited for a link that takes it.
    func drainPresence() {
        while let link, link.isWritable, let order = memory.waiting.popFirst() { carryOut(order) }
    }

    private func carryOut(_ order: PresenceOrder) {
        switch order {
        case .ask(let user, let watcher, let name): ask(user, watcher, name)
        case .forget(let user, let watcher): write(.unsubscribe, from: watcher, to: user)
        case .probe(let user, let watcher):
            guard write(.probe, from: watcher, to: user, mark: .probe) else { return }
            memory.probes.insert(PresencePair(user: user, foreign: watcher))
            tickPresence()
        case .approved(let user, let presentity):
            memory.asked[PresenceMemory.pair(user, presentity)] = nil
            write(.subscribed, from: presentity, to: user)
        case .ended(let user, let presentity, let outcome): end(user, presentity, outcome)
        case .show(let user, let presentity, let state): show(state, of: presentity, to: user)
        }
        if let link, link.output.readableBytes >= XMPPAdapter.presenceFlushOctets { link.flush() }
    }

    private static let presenceFlushOctets = 65_536

    private func ask(_ user: Address, _ watcher: Address, _ name: DisplayName?) {
        // Who cannot be shown here cannot be asked for: the answer is no, at once.
        if !write(.subscribe, from: watcher, to: user, mark: .ask, name: name) {
            memory.add(.refuses(presentity: user, watcher: watcher))
        }
    }

    /// Tells a user that a subscription is over, or was refused (standards reference F.5, F.6; RFC 8048 §4.2).
    private func end(_ user: Address, _ presentity: Address, _ outcome: Outcome) {
        let pair = PresenceMemory.pair(user, presentity)
        let id = memory.asked.removeValue(forKey: pair)
        for due in memory.shown.end(pair) { write(due, from: presentity, to: user) }
        // Where the end was wished, or a person said no, `unsubscribed` alone says it.
        let isPlain = outcome.code.classCode == 2000 || outcome.code == .refused
        if let id, !isPlain { answerAsk(outcome, id: id, user, presentity) }
        // The user's server goes on asking until it hears this (RFC 6121 §3.1.2); it may, where asking may help.
        if !outcome.code.isTemporary { write(.unsubscribed, from: presentity, to: user) }
    }

    private func answerAsk(_ outcome: Outcome, id: ByteBuffer, _ user: Address, _ presentity: Address) {
        var from = ByteBuffer()
        var to = ByteBuffer()
        guard let link, addresses.writeLocal(user, to: &from),
            addresses.writeForeign(presentity, as: form(for: user, presentity), to: &to)
        else { return }
        let header = StanzaHeader(kind: .presence, from: from, to: to, id: id.readableBytes > 0 ? id : nil)
        ReplyWriter.writeError(outcome, answering: header, to: &link.output)
    }

    private func show(_ body: Body, of presentity: Address, to user: Address) {
        let pair = PresenceMemory.pair(user, presentity)
        let due: [ShownTable.Due]
        if case .none = body {
            due = memory.shown.showNothing(pair)
        } else if let state = map(body, of: presentity) {
            due = memory.shown.show(state, pair)
        } else {
            return
        }
        for stanza in due { write(stanza, from: presentity, to: user) }
    }

    /// A document as stanzas; the same one for all who watch. Nil, and counted, where nothing can be shown.
    private func map(_ body: Body, of presentity: Address) -> MappedPresence? {
        var hasher = Hasher()
        // Each watcher's document came in an entity of its own, whose header says for whom it is.
        if case .entity(let entity) = body, let rest = MIMEEntity.rest(behindAddressesOf: entity) {
            hasher.combine(rest)
        } else {
            hasher.combine(body)
        }
        hasher.combine(presentity)
        let key = hasher.finalize()
        if let known = memory.mapped[key] { return known }
        switch PresenceBody.read(body, with: pidfReader) {
        case .success(let document):
            // IMX 6.2.1, E11: a document about somebody else is a lie.
            guard document.isAbout(presentity) else {
                host.count(.malformed)
                return nil
            }
            let state = MappedPresence(document, of: presentity)
            for _ in 0..<state.lossCount { host.count(.presence) }
            if state.isNotMapped { host.count(.presence) }
            if memory.mapped.count >= PresenceMemory.documentLimit { memory.mapped.removeAll() }
            memory.mapped[key] = state
            return state
        case .failure(.otherType):
            host.count(.presence)
            return nil
        case .failure(.broken):
            host.count(.malformed)
            return nil
        }
    }

    /// The form in which a user here knows a foreign party.
    private func form(for user: Address, _ foreign: Address) -> AddressForm {
        if !memory.forms.isEmpty, let form = memory.forms[PresenceMemory.pair(user, foreign)] { return form }
        return forms.isEmpty ? defaultForm : forms[user] ?? defaultForm
    }

    @discardableResult
    private func write(
        _ word: PresenceWord,
        from foreign: Address,
        to user: Address,
        mark: PresenceWriter.Mark? = nil,
        name: DisplayName? = nil
    ) -> Bool {
        guard let link, senders.admit(foreign) else {
            host.count(.presence)
            return false
        }
        let isWritten = PresenceWriter(addresses: addresses).write(
            word,
            from: foreign,
            as: form(for: user, foreign),
            to: user,
            mark: mark,
            name: name,
            into: &link.output
        )
        if !isWritten { host.count(.presence) }
        return isWritten
    }

    private func write(_ due: ShownTable.Due, from foreign: Address, to user: Address) {
        guard let link, senders.admit(foreign) else { return host.count(.presence) }
        let isWritten = PresenceWriter(addresses: addresses).write(
            due,
            from: foreign,
            as: form(for: user, foreign),
            to: user,
            now: wallClock(),
            into: &link.output
        )
        if !isWritten { host.count(.presence) }
    }
}
