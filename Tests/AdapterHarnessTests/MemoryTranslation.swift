// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel
import MessageFormats

import struct NIOCore.ByteBuffer

extension MemoryAdapter {
    func translate(_ envelope: Envelope) -> ServiceMessage {
        var message = ServiceMessage(
            from: altered(envelope.source),
            to: envelope.destination,
            "",
            thread: envelope.details?.thread?.id
        )
        if case .parts(let parts) = envelope.body {
            message.texts = parts.filter { $0.mediaType == BodyPart.plainText }.map {
                LocalizedText(altered(String(buffer: $0.octets)), language: $0.language)
            }
            message.content = parts.first { $0.mediaType != BodyPart.plainText }
            let rich = parts.first { $0.mediaType == HTMLLite.writtenMediaType }
            message.richText = fault == .dropsRichText ? nil : rich.map { String(buffer: $0.octets) }
        } else if case .none = envelope.body {
            message.texts = []
        }
        message.chatState = fault == .dropsChatStates ? nil : envelope.details?.chatState
        // A message without a text is shown as one with an empty text.
        if fault == .showsEmptyMessages, message.texts.isEmpty { message.texts = [LocalizedText(" ")] }
        message.replaces = fault == .dropsCorrections ? nil : envelope.details?.replaces?.description
        message.subjects = envelope.details?.subjects ?? []
        if fault == .dropsSubjects { message.subjects = [] }
        if fault == .dropsLanguages { message.subjects = message.subjects.map { LocalizedText($0.text) } }
        if fault == .dropsThreads { message.thread = nil }
        if fault == .recodesContent, let octets = message.content?.octets {
            message.content?.octets = ByteBuffer(string: String(buffer: octets))
        }
        return message
    }

    func translate(_ message: ServiceMessage) -> Envelope {
        var details = Envelope.Details()
        details.subjects = message.subjects
        details.thread = message.thread.map { MessageThread(id: $0) }
        details.chatState = message.chatState
        var id = host.makeMessageID(native: message.nativeID)
        if let replaced = message.replaces {
            details.replaces = fault == .misdirectsCorrections ? MessageID(replaced) : identifiers[replaced]
        }
        if let native = message.nativeID { identifiers[native] = id }
        if fault == .trustsNativeIdentifiers, let native = message.nativeID.flatMap({ MessageID($0) }) { id = native }
        var source = message.source
        if fault == .speaksForAnotherDomain, let other = Domain("other.example") {
            source = Address(localPart: source.localPart, domain: other) ?? source
        }
        var destination = message.destination
        if fault == .cannotUnescape, String(buffer: destination.localPart).contains("\\40") {
            let text = String(buffer: destination.localPart).replacing("\\40", with: "-")
            destination = Address(localPart: ByteBuffer(string: text), domain: destination.domain) ?? destination
        }
        var text = message.text
        if fault == .wrapsText, text.utf8.count > 998 {
            text.insert("\n", at: text.index(text.startIndex, offsetBy: 998))
        }
        let rich =
            message.richText.map { text in
                [BodyPart(mediaType: HTMLLite.writtenMediaType, octets: ByteBuffer(string: text))]
            } ?? []
        return Envelope(
            source: source,
            destination: destination,
            messageID: id,
            trace: host.makeTraceID(),
            body: .parts([.text(text)] + rich),
            details: details
        )
    }

    private func altered(_ text: String) -> String {
        switch fault {
        case .trimsText: String(text.trimmingPrefix { $0.isWhitespace })
        // What a library does that compares letters and not octets.
        case .normalisesText: text.replacing("e\u{301}", with: "\u{E9}")
        default: text
        }
    }

    private func altered(_ sender: Address) -> Address {
        let name = String(buffer: sender.localPart)
        let other: String? =
            switch fault {
            case .foldsNames: name.lowercased()
            case .dropsTheSender: "gateway"
            default: nil
            }
        return other.flatMap { Address(localPart: ByteBuffer(string: $0), domain: sender.domain) } ?? sender
    }
}
