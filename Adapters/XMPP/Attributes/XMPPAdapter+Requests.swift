// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import NIOCore
import XMLStream

/// What users here ask about people abroad, and about the component.
enum ForeignQuestion {
    /// Their card (XEP-0054).
    case card
    /// What their account, or the client at a resource, can do (XEP-0030), asked about a node.
    case features(isClient: Bool, node: ByteBuffer?)
}

/// Requests (`iq`) from the server.
extension XMPPAdapter {
    /// How long somebody abroad may take to tell attributes.
    private static let requestPatience = Interval.seconds(10)

    func receivedRequest(_ stanza: XMLElement) {
        if stanza.attribute(Names.type, is: "result") || stanza.attribute(Names.type, is: "error") {
            let isOurs = takeAnswer(stanza) || takeAnswerOfDevice(stanza) || takeAnswerToQuestion(stanza)
            if !isOurs { drop(.strayAnswer, stanza) }
            return
        }
        guard let header = StanzaHeader(stanza, .iq) else { return drop(.malformed, stanza) }
        guard stanza.attribute(Names.type, is: "get"), let to = JID(header.to, names: addresses.names),
            let request = stanza.children.first(where: { $0.name != Names.error })
        else { return refuse(stanza, header) }
        if to.domain == settings.component, to.localPart == nil {
            answerForComponent(request, stanza, header)
        } else if let (foreign, _) = addresses.foreignAddress(of: to) {
            askAbroad(request, about: foreign, isClient: to.resource != nil, stanza, header)
        } else {
            refuse(stanza, header)
        }
    }

    private func refuse(_ stanza: XMLElement, _ header: StanzaHeader) {
        // RFC 6120 §8.2.3: every request is answered.
        drop(.unknownRequest, stanza)
        answer(Outcome(.notUnderstood, "this request is not known here"), header)
    }

    private func answerForComponent(
        _ request: XMLElement,
        _ stanza: XMLElement,
        _ header: StanzaHeader
    ) {
        let isWhole = request.attribute(Names.node) == nil
        switch request.name {
        case Names.ping: reply { ReplyWriter.writeResult("", answering: header, to: &$0) }
        case Names.discoInfo where isWhole:
            reply { ReplyWriter.writeResult(Features.discoInfo, answering: header, to: &$0) }
        case Names.discoItems where isWhole:
            reply { ReplyWriter.writeResult(Features.noItems, answering: header, to: &$0) }
        default: refuse(stanza, header)
        }
    }

    private func askAbroad(
        _ request: XMLElement,
        about foreign: Address,
        isClient: Bool,
        _ stanza: XMLElement,
        _ header: StanzaHeader
    ) {
        let question: ForeignQuestion
        let keys: [String]
        if request.name == Names.discoInfo {
            // Kept until the answer comes, so not as a slice of what was read.
            let node = request.attribute(Names.node).map { ByteBuffer(bytes: $0.readableBytesView) }
            guard node?.readableBytes ?? 0 <= Self.nodeLimit else { return refuse(stanza, header) }
            question = .features(isClient: isClient, node: node)
            keys = isClient ? ["ua.capabilities"] : ["message.types"]
        } else if request.unknownNamespace == Names.cards, request.unknownLocalName == "vCard",
            !isClient
        {
            question = .card
            keys = ["vcard", "alias"]
        } else if request.name == Names.discoItems, request.attribute(Names.node) == nil {
            return reply { ReplyWriter.writeResult(Features.noItems, answering: header, to: &$0) }
        } else {
            return refuse(stanza, header)
        }
        guard
            let asker = JID(header.from, names: addresses.names).flatMap({
                addresses.localAddress(of: $0)
            })
        else {
            return refuse(stanza, header)
        }
        guard !isStopping, requests.count < Self.requestLimit else {
            return answer(Outcome(.shortOfResources, "too many requests wait"), header)
        }
        let token = submissions.insert(header)
        requests[token] = question
        let envelope = Envelope(
            operation: .getAttributes(keys),
            source: asker.detached(),
            destination: senders.original(of: foreign).detached(),
            messageID: host.makeMessageID(native: nil),
            trace: host.makeTraceID(),
            deadline: host.scheduler.now + Self.requestPatience
        )
        incoming.append(Submission(token: token, envelope: envelope))
    }

    /// The most requests about people abroad that wait for an answer.
    private static let requestLimit = 1_024
    /// The most octets of a node that is asked for.
    private static let nodeLimit = 1_024

    /// Answers a request with what was told abroad.
    func answer(_ question: ForeignQuestion, _ outcome: Outcome, _ header: StanzaHeader) {
        guard outcome.code == .delivered else {
            // RFC 6120 §8.2.3: every request is answered, also where nobody knows what became of it.
            let isError = outcome.code.classCode != 2000
            return answer(isError ? outcome : Outcome(.timedOut, "the other side did not answer"), header)
        }
        let found = outcome.details?.attributes ?? []
        func text(_ key: String) -> String? { found.first { $0.key == key }?.text }
        let content: String
        switch question {
        case .card:
            let isCard =
                found.first { $0.key == "vcard" }?.type?.lowercased().hasPrefix(VCard.mediaType) == true
            let card = (isCard ? text("vcard") : nil).flatMap { VCard(text: $0) }
            content = (card ?? VCard(alias: text("alias") ?? "")).element
        case .features(let isClient, let node):
            content = Features.info(ofClient: isClient, words: text("ua.capabilities"), node: node)
        }
        reply { ReplyWriter.writeResult(content, answering: header, to: &$0) }
    }
}
