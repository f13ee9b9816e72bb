// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import Aggregator
import EnvelopeModel

extension NodeControl {
    /// How long another side may take to answer (IMX-1 §5.4).
    private static var patience: Interval { .seconds(10) }

    /// Asks a user's or a domain's side in the name of somebody here.
    func attributes(
        _ subject: String,
        _ keys: [String],
        _ requester: String?,
        _ answer: @escaping (ControlResponse) -> Void
    ) {
        guard let party = Self.party(subject) else {
            return answer(.refused("\"\(subject)\" is neither an address nor a domain name"))
        }
        guard keys.allSatisfy({ (1...Attribute.keyLimit).contains($0.utf8.count) }) else {
            return answer(.refused("a key has 1 to \(Attribute.keyLimit) octets"))
        }
        var asker = core.serves(party.domain) ? party : core.firstDomain.map { .domainItself($0) }
        if let requester {
            guard let named = Self.party(requester) else {
                return answer(.refused("\"\(requester)\" is neither an address nor a domain name"))
            }
            asker = named
        }
        guard let asker, core.serves(asker.domain) else {
            return answer(.refused("\(asker.map { "\($0.domain)" } ?? "no domain") is not hosted here"))
        }
        let envelope = Envelope(
            operation: .getAttributes(keys),
            source: asker,
            destination: party,
            messageID: tool.host.makeMessageID(native: nil),
            trace: tool.host.makeTraceID(),
            deadline: tool.host.scheduler.now + Self.patience
        )
        tool.send(envelope) { settlement in
            let outcome = settlement.outcome
            answer(
                .attributes(
                    AttributesReport(
                        subject: "\(party)",
                        requester: "\(asker)",
                        code: outcome.code.rawValue,
                        text: outcome.text,
                        lines: (outcome.details?.attributes ?? []).map(AttributesReport.Line.init)
                    )
                )
            )
        }
    }

    /// A user, or a domain itself.
    private static func party(_ text: String) -> Address? {
        text.contains("@") ? Address(text) : Domain(text).map { .domainItself($0) }
    }
}
