// SPDX-License-Identifier: Apache-2.0
import AdapterKit
public import EnvelopeModel
import NIOCore

/// What can be asked about users in memory: all keys that mean the same everywhere (IMX-1 §7.7).
extension StubAdapter {
    /// The most octets of content that a user takes; the class of the domain may allow less.
    static let largestMessage = 16 << 20

    /// Answers each key, or where none is asked for, with all that there is.
    public func attributes(
        of subject: Address,
        for requester: Address,
        keys: [String],
        by deadline: Instant,
        answer: @escaping ([Attribute]) -> Void
    ) {
        guard let user = user(subject) else { return answer(keys.map { Attribute($0, status: .noSuchUser) }) }
        let known = attributes(of: user, at: subject)
        answer(
            keys.isEmpty
                ? known.filter { $0.status == nil }
                : keys.map { key in known.first { $0.key == key } ?? Attribute(key, status: .noSuchUser) }
        )
    }

    private func attributes(of user: StubUser, at address: Address) -> [Attribute] {
        let isThere = (statuses[address] ?? user.status) != nil
        let features = Self.descriptor.capabilities.map(\.rawValue).sorted().joined(separator: " ")
        var known = [
            Attribute("presence", value: ByteBuffer(string: isThere ? "open" : "closed")),
            // What somebody who is not there uses is not known now; nothing else depends on being there.
            isThere
                ? Attribute("ua.capabilities", value: ByteBuffer(string: features), seconds: 3_600)
                : Attribute("ua.capabilities", status: .unavailable),
            Attribute("message.max-octets", value: ByteBuffer(string: "\(Self.largestMessage)"), seconds: 3_600),
            Attribute("message.types", value: ByteBuffer(string: "*/*"), seconds: 3_600),
            Attribute("vcard", type: "text/vcard", value: Self.card(user, address), seconds: 3_600),
        ]
        if let alias = user.alias { known.append(Attribute("alias", value: ByteBuffer(string: alias), seconds: 3_600)) }
        return known
    }

    /// RFC 6350 §3.3, §3.4: a card with what everybody has, a name; and the address.
    private static func card(_ user: StubUser, _ address: Address) -> ByteBuffer {
        var name = ""
        for character in user.alias ?? String(buffer: address.localPart) {
            switch character {
            case "\\", ",", ";": name += "\\\(character)"
            case "\n", "\r", "\r\n": name += "\\n"
            default: name.append(character)
            }
        }
        return ByteBuffer(
            string: "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:\(name)\r\nIMPP:im:\(address)\r\nEND:VCARD\r\n"
        )
    }
}
