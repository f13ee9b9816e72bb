// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel
import MessageFormats

import struct NIOCore.ByteBuffer

extension MemoryAdapter {
    // MARK: Into the service

    func presence(_ orders: [PresenceOrder]) {
        guard isUp, fault != .staysDeaf || connections == 1 else { return }
        var orders = orders
        if fault == .swallowsABurst, orders.count > 64 { orders.removeLast(orders.count - 64) }
        for order in orders where !isSwallowed(order) { carryOut(order) }
    }

    private func isSwallowed(_ order: PresenceOrder) -> Bool {
        switch (order, fault) {
        case (.ask, .swallowsQuestions), (.forget, .keepsTheForgotten), (.probe, .ignoresProbes),
            (.ended, .hidesEnds):
            true
        default: false
        }
    }

    private func carryOut(_ order: PresenceOrder) {
        switch (order, fault) {
        case (.ask(let user, let watcher, _), .approvesByItself):
            host.presence([.approves(presentity: user, watcher: watcher)])
        case (.probe(let user, let watcher), .answersFromMemory):
            if let state = lastState { return tell(.publishes(presentity: user, watcher: watcher, state: state)) }
        case (.show(_, let presentity, let state), .speaksForOthers):
            host.presence([.publishes(presentity: presentity, watcher: nil, state: state)])
        case (.show(let user, let presentity, _), .showsStale):
            let before = PresenceOrder.show(watcher: user, presentity: presentity, state: lastShown)
            if case .show(_, _, let state) = order { lastShown = state }
            service.order(order)
            return service.order(before)
        default: break
        }
        service.order(order)
    }

    // MARK: Out of the service

    func heard(_ word: MemoryWord) {
        if fault == .staysMute, connections > 1 { return }
        switch word {
        case .watches(let user, let other): tell(.asks(watcher: user, presentity: other, name: nil))
        case .givesUp(let user, let other):
            if fault != .hidesGivingUp { tell(.givesUp(watcher: user, presentity: other)) }
        case .approves(let user, let watcher): tell(.approves(presentity: user, watcher: watcher))
        case .refuses(let user, let watcher):
            if fault != .hidesRefusals { tell(.refuses(presentity: user, watcher: watcher)) }
        case .devices(let user, let watcher, let devices):
            if devices.isEmpty, fault == .keepsTheGone { return }
            let state = document(of: user, fault == .knowsOneDevice ? devices.suffix(1) : devices)
            defer { lastState = state }
            tell(.publishes(presentity: user, watcher: watcher, state: state))
            guard fault == .publishesStale, let before = lastState else { return }
            tell(.publishes(presentity: user, watcher: watcher, state: before))
        }
    }

    private func tell(_ event: PresenceEvent) { host.presence([event]) }

    private func document(of user: Address, _ devices: [MemoryRoster.Device]) -> Body {
        guard !devices.isEmpty else { return .none }
        var document = PresenceDocument(about: user)
        document.tuples = devices.map { device in
            var tuple = PresenceTuple(id: "d-\(device.name)", basic: .open)
            tuple.notes = [LocalizedText(device.status)]
            return tuple
        }
        return .parts([BodyPart(mediaType: PresenceDocument.mediaType, octets: PIDFWriter.octets(of: document))])
    }

    /// What a document says of the first device that is there; nil where none is.
    static func status(of body: Body) -> String? {
        guard case .success(let reading) = PIDFReader(mode: .strict).read(body) else { return nil }
        return reading.document.tuples.first { $0.basic == .open }?.notes.first?.text
    }

    // MARK: Attributes

    func attributes(
        of subject: Address,
        for requester: Address,
        keys: [String],
        by deadline: Instant,
        answer: @escaping ([Attribute]) -> Void
    ) {
        guard fault != .neverAnswersForAttributes else { return }
        let exists = service.knows(subject) || fault == .inventsUsers
        let isThere = service.roster.devices[subject]?.isEmpty == false
        let known = [
            Attribute("presence", value: ByteBuffer(string: isThere ? "open" : "closed")),
            Attribute("alias", value: subject.localPart),
            Attribute("message.types", value: ByteBuffer(string: "*/*")),
        ]
        let wanted = keys.isEmpty && fault != .knowsNamedKeysOnly ? known.map(\.key) : keys
        var found = wanted.map { key in
            known.first { $0.key == key && exists } ?? Attribute(key, status: .noSuchUser)
        }
        if fault == .leavesOutUnknownKeys { found.removeAll { $0.status != nil } }
        answer(found)
        if fault == .answersTwice { answer(found) }
    }
}
