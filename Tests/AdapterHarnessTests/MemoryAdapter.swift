// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel

import struct NIOCore.ByteBuffer

/// An adapter that is right in everything, but for the one fault that it is given.
final class MemoryAdapter: Adapter {
    static let descriptor = AdapterDescriptor(
        kind: "memory",
        capabilities: [
            .sendsMessages, .receivesMessages, .subjects, .languages, .threads, .confirmsDelivery, .opaqueContent,
            .chatStates, .corrections, .richText, .presence, .attributes,
        ],
        window: 100
    )

    let host: any AdapterHost
    let service: MemoryService
    let fault: Fault?
    private var queue: [Delivery] = []
    private var unconfirmed: [UInt64: Delivery] = [:]
    private var lastNumber: UInt64 = 0
    private(set) var isUp = false
    /// How often there was a link.
    private(set) var connections = 0
    private var isPaused = false
    private var isStopping = false
    private var settlementCount = 0
    private var lastMessage: ServiceMessage?
    /// What the fault keeps for later.
    private var kept: [Delivery] = []
    private var swapped: Submission?
    var lastState: Body?
    var lastShown = Body.none
    /// What the messages that users wrote are called on the network.
    var identifiers: [String: MessageID] = [:]

    init(host: any AdapterHost, service: MemoryService, fault: Fault?) {
        self.host = host
        self.service = service
        self.fault = fault
    }

    // MARK: The link

    func start() { connect() }

    private func connect() {
        guard !isStopping, !isUp else { return }
        let client = MemoryService.Client(
            received: { [weak self] in self?.received($0, by: $1) },
            confirmed: { [weak self] in self?.confirmed($0, $1) },
            lost: { [weak self] in self?.lost() },
            heard: { [weak self] in self?.heard($0) }
        )
        guard service.connect(client) else {
            host.scheduler.schedule(after: .milliseconds(50)) { [weak self] in self?.connect() }
            return
        }
        isUp = true
        connections += 1
        host.linkChanged(to: .up)
        host.turn {
            queue = kept + queue
            kept = []
            pump()
        }
    }

    private func lost() {
        isUp = false
        if fault != .hidesItsLink { host.linkChanged(to: .down("the service is gone")) }
        host.turn {
            let open = unconfirmed.sorted { $0.key < $1.key }.map(\.value)
            unconfirmed = [:]
            if fault == .writesAgainAfterLoss { kept = open }
            for delivery in open where fault != .writesAgainAfterLoss {
                settle(delivery.ticket, fault == .saysDeliveredOnLoss ? .delivered : Outcome(.uncertain, "link lost"))
            }
        }
        if fault != .staysDown { connect() }
    }

    // MARK: Into the service

    func deliver(_ batch: [Delivery]) {
        host.turn {
            var batch = batch
            if fault == .reordersIn, batch.count > 2 { batch.swapAt(0, batch.count - 2) }
            for delivery in batch {
                if fault == .callsTheQueueUncertain, !isUp {
                    settle(delivery.ticket, Outcome(.uncertain))
                } else {
                    queue.append(delivery)
                }
            }
            pump()
        }
    }

    private func pump() {
        guard isUp else { return }
        for delivery in queue {
            guard let message = take(delivery) else { continue }
            lastNumber += 1
            unconfirmed[lastNumber] = delivery
            service.write(lastNumber, message)
            if fault == .handsOverTwice { service.write(lastNumber, message) }
            guard fault == .confirmsOnATimer else { continue }
            host.scheduler.schedule(after: .milliseconds(100)) { [weak self, lastNumber] in
                self?.confirmed(lastNumber, .delivered)
            }
        }
        queue = []
    }

    /// The message that the delivery becomes; nil where it was settled instead.
    private func take(_ delivery: Delivery) -> ServiceMessage? {
        let envelope = delivery.envelope
        switch envelope.operation {
        case .message: return translate(envelope)
        case .report:
            settle(delivery.ticket, .delivered)
            if fault == .answersReports { submit(ServiceMessage(from: envelope.destination, to: envelope.source, "?")) }
        case .subscribe, .notify, .getAttributes, .pushAttributes, .unknown:
            settle(delivery.ticket, fault == .takesUnknownOperations ? .delivered : Outcome(.notUnderstood))
        }
        return nil
    }

    private func confirmed(_ number: UInt64, _ outcome: Outcome) {
        guard let delivery = unconfirmed.removeValue(forKey: number) else { return }
        var outcome = outcome
        if fault == .callsUnknownUsersUnacceptable, outcome.code == .noSuchUser { outcome.code = .notAcceptable }
        if fault == .neverConfirms, outcome.code == .delivered { outcome.code = .uncertain }
        if fault == .blursRefusals, outcome.code == .refused { outcome.code = .internalError }
        settle(delivery.ticket, outcome)
        finishStop()
    }

    private func settle(_ ticket: Ticket, _ outcome: Outcome) {
        settlementCount += 1
        if fault == .forgetsASettlement, settlementCount == 60 { return }
        host.settle(ticket, outcome)
        if fault == .settlesTwice, settlementCount == 60 { host.settle(ticket, outcome) }
    }

    func withdraw(_ ticket: Ticket) -> Withdrawal {
        guard let index = queue.firstIndex(where: { $0.ticket == ticket }) else { return .tooLate }
        if fault != .delaysTheWithdrawn { queue.remove(at: index) }
        return .withdrawn
    }

    // MARK: Out of the service

    private func received(_ message: ServiceMessage, by writer: Address) {
        guard !isStopping || fault == .submitsAfterStop else { return }
        if isPaused && fault == .losesWhatCameInAPause { return }
        guard message.source == writer || fault == .trustsItsUsers else { return }
        submit(message)
    }

    private func submit(_ message: ServiceMessage) {
        let next = Submission(envelope: translate(message))
        guard fault == .reordersOut else { return host.submit([next]) }
        if swapped == nil, message.text == "7" { return swapped = next }
        host.submit([next] + (swapped.map { [$0] } ?? []))
        swapped = nil
    }

    func settled(_ batch: [Settlement]) {
        guard fault != .swallowsBounces else { return }
        for settlement in batch {
            guard let envelope = settlement.envelope else { continue }
            let bounce = ServiceBounce(
                to: envelope.source,
                about: envelope.destination,
                code: settlement.outcome.code
            )
            service.bounces.append(bounce)
            if fault == .bouncesTwice { service.bounces.append(bounce) }
        }
    }

    func pause() {
        isPaused = true
        service.isReading = fault == .ignoresPause || fault == .losesWhatCameInAPause
    }

    func resume() {
        isPaused = false
        service.isReading = true
    }

    // MARK: The end

    private var finish: (() -> Void)?

    func stop(by deadline: Instant, completion: @escaping () -> Void) {
        isStopping = true
        if fault == .neverStops { return }
        finish = completion
        host.turn {
            for delivery in queue { settle(delivery.ticket, Outcome(.unavailable, "stopping")) }
            queue = []
        }
        host.scheduler.schedule(after: deadline - host.scheduler.now) { [weak self] in
            guard let self else { return }
            host.turn {
                let open = self.unconfirmed.values.map(\.ticket)
                self.unconfirmed = [:]
                for ticket in open { self.settle(ticket, Outcome(.uncertain, "stopping")) }
            }
            finishStop()
        }
        finishStop()
    }

    private func finishStop() {
        guard let finish, unconfirmed.isEmpty || fault == .leavesTicketsAtStop else { return }
        self.finish = nil
        isUp = false
        if fault != .submitsAfterStop { service.disconnect() }
        host.linkChanged(to: .down("stopped"))
        finish()
        if fault == .completesTwice { finish() }
    }
}
