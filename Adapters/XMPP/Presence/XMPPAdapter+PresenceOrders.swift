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
                if memory.waiting.isEmpty, canCarryOut(order) {
                    carryOut(order)
                } else if !memory.waiting.append(order) {
                    host.count(.presence)
                }
            }
            link.flush()
            submitPresence()
        }
    }

    /// Carries out what waited for a link that takes it.
    func drainPresence() {
        while let first = memory.waiting.first, canCarryOut(first), let order = memory.waiting.popFirst() {
            carryOut(order)
        }
    }

    /// Whether the link takes the order now. A probe waits until its answer can be waited for.
    private func canCarryOut(_ order: PresenceOrder) -> Bool {
        guard let link, link.isWritable else { return false }
        if case .probe = order { return memory.probes.hasRoom }
        return true
    }

    private func carryOut(_ order: PresenceOrder) {
        switch order {
        case .ask(let user, let watcher, let name): ask(user, watcher, name)
        case .forget(let user, let watcher):
            guard senders.isFree(for: watcher) else { return host.count(.presence) }
            write(.unsubscribe, from: watcher, to: user, claims: false)
        case .probe(let user, let watcher):
            guard write(.probe, from: watcher, to: user, mark: .probe) else { return }
            memory.probes.insert(PresencePair(user: user, foreign: watcher))
            tickPresence()
        case .approved(let user, let presentity):
            let pair = PresenceMemory.pair(user, presentity)
            // A contact that is new has been shown to nobody.
            if memory.asked.removeValue(forKey: pair) != nil { memory.shown.begin(pair) }
            write(.subscribed, from: presentity, to: user)
        case .ended(let user, let presentity, let outcome): end(user, presentity, outcome)
        case .show(let user, let presentity, let state): show(state, of: presentity, to: user)
        }
        if let link, link.output.readableBytes >= XMPPAdapter.presenceFlushOctets { link.flush() }
    }

    private static let presenceFlushOctets = 65_536

    private func ask(_ user: Address, _ watcher: Address, _ name: DisplayName?) {
        // Who cannot be shown here cannot be asked for: the answer is no, at once.
        guard senders.mayAsk(watcher, user) else {
            host.count(.presence)
            memory.add(.refuses(presentity: user, watcher: watcher))
            return
        }
        if !write(.subscribe, from: watcher, to: user, mark: .ask, name: name, claims: false) {
            memory.add(.refuses(presentity: user, watcher: watcher))
        }
    }

    /// Tells a user that a subscription is over, or was refused (standards reference F.5, F.6; RFC 8048 §4.2).
    private func end(_ user: Address, _ presentity: Address, _ outcome: Outcome) {
        let pair = PresenceMemory.pair(user, presentity)
        let id = memory.asked.removeValue(forKey: pair)
        if id != nil { memory.shown.begin(pair) }
        for due in memory.shown.end(pair) { write(due, from: presentity, to: user) }
        // Where the end was wished, or a person said no, `unsubscribed` alone says it; a rule says why.
        let isPlain = outcome.code.classCode == 2000 || (outcome.code == .refused && outcome.text == nil)
        if let id, !isPlain { answerAsk(outcome, id: id, user, presentity) }
        // The user's server goes on asking until it hears this (RFC 6121 §3.1.2); it may, where asking may help.
        if !outcome.code.isTemporary { write(.unsubscribed, from: presentity, to: user) }
        if outcome.code == .noSuchUser { senders.release(presentity) }
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
        } else {
            switch map(body, of: presentity) {
            case .success(let state): due = memory.shown.show(state, pair)
            case .failure(.unreadable): due = memory.shown.takeBack(pair)
            case .failure(.lie): due = []
            }
        }
        for stanza in due { write(stanza, from: presentity, to: user) }
    }

    private enum MapFault: Error {
        /// Nothing is known any more.
        case unreadable
        /// It says nothing about the presentity.
        case lie
    }

    /// A document as stanzas; the same one for all who watch. What cannot be shown is counted.
    private func map(_ body: Body, of presentity: Address) -> Result<MappedPresence, MapFault> {
        var hasher = Hasher()
        // Each watcher's document came in an entity of its own, whose header says for whom it is.
        if case .entity(let entity) = body, let rest = MIMEEntity.rest(behindAddressesOf: entity) {
            hasher.combine(rest)
        } else {
            hasher.combine(body)
        }
        hasher.combine(presentity)
        let key = hasher.finalize()
        if let known = memory.mapped[key] { return .success(known) }
        let now = wallClock()
        pidfReader.now = now
        switch PresenceBody.read(body, with: pidfReader) {
        case .success(let reading):
            // IMX 6.2.1, E11: a document about somebody else is a lie.
            guard reading.document.isAbout(presentity) else {
                host.count(.malformed)
                return .failure(.lie)
            }
            let state = MappedPresence(reading.document, of: presentity)
            for _ in 0..<state.lossCount { host.count(.presence) }
            if state.isNotMapped { host.count(.presence) }
            if memory.mapped.count >= PresenceMemory.documentLimit { memory.mapped.removeAll() }
            // What holds for a time is read anew each time.
            if !reading.dependsOnTime { memory.mapped[key] = state }
            return .success(state)
        case .failure(.otherType):
            host.count(.presence)
            return .failure(.unreadable)
        case .failure(.broken):
            host.count(.malformed)
            return .failure(.unreadable)
        }
    }

    /// The form in which a user here knows a foreign party.
    private func form(for user: Address, _ foreign: Address) -> AddressForm {
        memory.form(for: user, foreign) ?? form(for: user)
    }

    @discardableResult
    private func write(
        _ word: PresenceWord,
        from foreign: Address,
        to user: Address,
        mark: PresenceWriter.Mark? = nil,
        name: DisplayName? = nil,
        claims: Bool = true
    ) -> Bool {
        guard let link, !claims || senders.admit(foreign) else {
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
