// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel

/// The adapter behind `imx send`: it sends in the name of hosted users and takes nothing.
final class OperatorTool: Adapter {
    static let descriptor = AdapterDescriptor(kind: "operator", capabilities: [.sendsMessages])

    let host: any AdapterHost
    private var waiting: [UInt64: (Settlement) -> Void] = [:]
    private var lastToken: UInt64 = 0

    init(host: any AdapterHost) {
        self.host = host
    }

    func start() { host.linkChanged(to: .up) }

    /// Sends a message; `completion` gets its one outcome.
    func send(_ envelope: Envelope, completion: @escaping (Settlement) -> Void) {
        lastToken += 1
        waiting[lastToken] = completion
        host.submit([Submission(token: lastToken, envelope: envelope)])
    }

    func settled(_ batch: [Settlement]) {
        for settlement in batch { waiting.removeValue(forKey: settlement.token)?(settlement) }
    }

    /// No domain leads here.
    func deliver(_ batch: [Delivery]) {
        for delivery in batch { host.settle(delivery.ticket, Outcome(.refused, "nobody lives here")) }
    }

    func stop(by deadline: Instant, completion: @escaping () -> Void) { completion() }
}
