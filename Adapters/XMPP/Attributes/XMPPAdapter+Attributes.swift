// SPDX-License-Identifier: Apache-2.0
import AdapterKit
public import EnvelopeModel
import NIOCore
import XMLStream

/// Attributes of users here (standards reference I.1.3, F.4).
extension XMPPAdapter {
    /// How long the server, or a client, may take to answer a question.
    private static let questionPatience = Interval.seconds(4)
    private static let questionPrefix = "imx-ask-"

    /// The keys that are known, in the order in which they are told.
    private static let keys = [
        "alias", "presence", "vcard", "message.types", "message.max-octets", "ua.capabilities",
    ]

    /// The types that become something to show.
    private static let types =
        "text/plain text/html-lite multipart/signed multipart/encrypted application/pkcs7-mime"

    /// Tells what the server and the user's client say of a user.
    public func attributes(
        of subject: Address,
        for requester: Address,
        keys: [String],
        by deadline: Instant,
        answer: @escaping ([Attribute]) -> Void
    ) {
        let wanted = keys.isEmpty ? Self.keys : keys
        let nick = nicks[subject.hashValue]
        let needsCard = wanted.contains("vcard") || (wanted.contains("alias") && nick == nil)
        let device = memory.told.device(of: subject, for: requester)
        let finish = { (card: ServerAnswer, features: ServerAnswer) in
            var found = wanted.map {
                Self.attribute($0, card: card, nick: nick, isThere: device != nil, features: features)
            }
            // Of all that there is, what there is not is no part.
            if keys.isEmpty { found.removeAll { $0.value == nil } }
            answer(found)
        }
        let askFeatures = { [weak self] (card: ServerAnswer) in
            guard let self, wanted.contains("ua.capabilities"), case .some(.some(let resource)) = device
            else {
                return finish(card, .silence)
            }
            ask(.features(subject.detached(), resource), by: deadline) { finish(card, $0) }
        }
        if needsCard {
            ask(.card(subject.detached()), by: deadline, askFeatures)
        } else {
            askFeatures(.nothing)
        }
    }

    private static func attribute(
        _ key: String,
        card: ServerAnswer,
        nick: String?,
        isThere: Bool,
        features: ServerAnswer
    ) -> Attribute {
        func text(_ value: String, type: String? = nil, seconds: UInt32?) -> Attribute {
            Attribute(key, type: type, value: ByteBuffer(string: value), seconds: seconds)
        }
        switch key {
        case "presence": return text(isThere ? "open" : "closed", seconds: nil)
        case "message.types": return text(types, seconds: 86_400)
        case "message.max-octets":
            // That much fits as a stanza, even where all of it is markup.
            return text(String(MessageWriter.stanzaLimit / 4), seconds: 86_400)
        case "ua.capabilities":
            guard case .features(let names) = features else {
                return Attribute(key, status: .unavailable)
            }
            return text(names, seconds: 300)
        case "alias", "vcard":
            if key == "alias", let nick { return text(nick, seconds: 3_600) }
            guard case .card(let found) = card else {
                if case .silence = card { return Attribute(key, status: .unavailable) }
                return Attribute(key, status: .noSuchUser)
            }
            if key == "vcard" {
                return found.values.isEmpty
                    ? Attribute(key, status: .noSuchUser)
                    : text(found.text, type: VCard.mediaType, seconds: 3_600)
            }
            return found.alias.map { text($0, seconds: 3_600) } ?? Attribute(key, status: .noSuchUser)
        default:
            return Attribute(key, status: .noSuchUser)
        }
    }

    // MARK: Questions to the server

    private func ask(
        _ question: ServerQuestion,
        by deadline: Instant,
        _ waiter: @escaping ServerQuestions.Waiter
    ) {
        let now = host.scheduler.now
        let link = isStopping ? nil : self.link
        let number: UInt64
        switch questions.put(question, now: now, hasLink: link?.isUp == true, waiter) {
        case .done(let answer): return waiter(answer)
        case .waits: return
        case .ask(let new): number = new
        }
        guard let link, write(question, number, on: link) else { return end(number, .nothing) }
        link.flush()
        let patience = min(Self.questionPatience, max(.zero, deadline - now))
        host.scheduler.schedule(after: patience) { [weak self] in self?.end(number, .silence) }
    }

    private func end(_ number: UInt64, _ answer: ServerAnswer) {
        for waiter in questions.end(number, answer, now: host.scheduler.now) { waiter(answer) }
    }

    private func write(_ question: ServerQuestion, _ number: UInt64, on link: ComponentLink) -> Bool {
        let start = link.output.writerIndex
        link.output.writeString(
            "<iq type='get' id='\(Self.questionPrefix)\(String(number, radix: 16))' from='"
        )
        addresses.names.write(settings.component, to: &link.output)
        link.output.writeStaticString("' to='")
        switch question {
        case .card(let user):
            guard addresses.writeLocal(user, to: &link.output) else { break }
            link.output.writeString("'><vCard xmlns='\(Names.cards)'/></iq>")
            return true
        case .features(let user, let resource):
            guard addresses.writeLocal(user, to: &link.output) else { break }
            link.output.writeStaticString("/")
            link.output.writeXMLValue(resource)
            link.output.writeString("'><query xmlns='\(Names.discoveries)'/></iq>")
            return true
        }
        link.output.moveWriterIndex(to: start)
        return false
    }

    /// Whether it is an answer to one of our questions, from whom it was put to.
    func takeAnswerToQuestion(_ stanza: XMLElement) -> Bool {
        guard let id = stanza.string(Names.id), id.hasPrefix(Self.questionPrefix),
            let number = UInt64(id.dropFirst(Self.questionPrefix.utf8.count), radix: 16),
            let question = questions.question(number),
            let from = stanza.attribute(Names.from).flatMap({ JID($0, names: addresses.names) }),
            let user = addresses.localAddress(of: from)
        else { return false }
        let isResult = stanza.attribute(Names.type, is: "result")
        switch question {
        case .card(let subject):
            guard user == subject, from.resource == nil else { return false }
            let card = stanza.children.first {
                $0.unknownNamespace == Names.cards && $0.unknownLocalName == "vCard"
            }
            end(number, isResult ? .card(card.map { VCard($0) } ?? VCard(alias: "")) : .nothing)
        case .features(let subject, let device):
            guard user == subject, from.resource == device else { return false }
            guard isResult, let query = stanza.child(Names.discoInfo) else {
                end(number, .nothing)
                break
            }
            end(number, .features(Features.words(in: query)))
        }
        return true
    }

    /// Nobody will answer any more.
    func endQuestions() {
        for waiter in questions.endAll() { waiter(.silence) }
    }

    /// Notes what a user here wants to be called (XEP-0172).
    func note(_ name: DisplayName?, of user: Address) {
        guard let name, !name.text.isEmpty, name.text.utf8.count <= MessageReader.fieldLimit else {
            return
        }
        nicks[user.hashValue] = name.text
    }
}
