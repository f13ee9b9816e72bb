// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import MessageFormats
import NIOCore

/// Keeps a journal: what people write to `journal` becomes an entry. The first adapter of Writing-an-Adapter.md.
final class JournalAdapter: SimpleAdapter {
    static let descriptor = AdapterDescriptor(
        kind: "journal",
        capabilities: [.receivesMessages, .confirmsDelivery]
    )

    let host: any AdapterHost
    private(set) var entries: [(author: Address, text: String)] = []

    init(host: any AdapterHost) { self.host = host }

    func start() { host.linkChanged(to: .up) }

    func handOver(_ envelope: Envelope, settle: @escaping (Outcome) -> Void) {
        guard case .message = envelope.operation else {
            return settle(Outcome(.notUnderstood, "a journal takes messages only"))
        }
        guard envelope.destination.localPart == ByteBuffer(string: "journal") else {
            return settle(Outcome(.noSuchUser, "write to journal"))
        }
        guard let text = MIMEEntity.plainText(of: envelope.body) else {
            return settle(Outcome(.notAcceptable, "a journal holds plain text"))
        }
        if envelope.hasDetails || (try? MIMEEntity.parts(of: envelope.body).get().count) != 1 {
            host.note(envelope.trace, "lost what is not plain text: a journal keeps nothing else")
        }
        entries.append((envelope.source, String(buffer: text)))
        settle(.delivered)
    }
}
