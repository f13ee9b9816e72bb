// SPDX-License-Identifier: Apache-2.0
import XMLStream

/// The names inside presence stanzas (RFC 6121 §4.7.2).
extension Names {
    static let show = XMLName(rawValue: 200)
    static let status = XMLName(rawValue: 201)
    static let priority = XMLName(rawValue: 202)
    /// The attribute of that name.
    static let priorityValue = XMLName(rawValue: 203)

    static var presenceParts: [XMLVocabulary.Entry] {
        let names: [(XMLName, String)] = [(show, "show"), (status, "status"), (priority, "priority")]
        return [component, "jabber:client"].flatMap { namespace in
            names.map { XMLVocabulary.Entry($0.0, namespace, $0.1) }
        } + [.init(priorityValue, "", "priority")]
    }
}
