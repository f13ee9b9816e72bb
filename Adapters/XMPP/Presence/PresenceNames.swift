// SPDX-License-Identifier: Apache-2.0
import MessageFormats
import XMLStream

/// The names inside presence stanzas (RFC 6121 §4.7.2).
extension Names {
    static let show = XMLName(rawValue: 200)
    static let status = XMLName(rawValue: 201)
    static let priority = XMLName(rawValue: 202)
    /// The attribute of that name.
    static let priorityValue = XMLName(rawValue: 203)
    /// Since when nobody has touched a device: in XMPP (XEP-0319) and in RPID (RFC 4480 §3.14).
    static let idle = XMLName(rawValue: 204)
    static let userInput = XMLName(rawValue: 205)
    static let since = XMLName(rawValue: 206)
    static let lastInput = XMLName(rawValue: 207)

    static let idleNamespace = "urn:xmpp:idle:1"

    static var presenceParts: [XMLVocabulary.Entry] {
        let names: [(XMLName, String)] = [(show, "show"), (status, "status"), (priority, "priority")]
        return [component, "jabber:client"].flatMap { namespace in
            names.map { XMLVocabulary.Entry($0.0, namespace, $0.1) }
        } + [
            .init(priorityValue, "", "priority"), .init(idle, idleNamespace, "idle"), .init(since, "", "since"),
            .init(userInput, UserInput.namespace, "user-input"), .init(lastInput, "", "last-input"),
        ]
    }
}
