// SPDX-License-Identifier: Apache-2.0
import CExpat

package import struct NIOCore.ByteBuffer

/// Something whole that came out of a stream.
package enum XMLStreamEvent {
    /// The stream began with this element; it has attributes and nothing inside.
    case opened(XMLElement)
    /// A stanza, complete.
    case stanza(XMLElement)
    /// A stanza that broke a limit: its name and attributes where they are within theirs, and nothing inside.
    case oversize(XMLElement, XMLLimit)
    /// The stream ended in order.
    case closed
}

/// A parser for one XML stream (RFC 6120 §4, §11), fed with octets as they arrive, in pieces of any size.
///
/// It stands on expat. Everything that RFC 6120 §11.1 forbids ends the stream: comments, processing instructions, DTDs,
/// entities other than the five predefined ones.
package final class XMLStreamParser {
    private var parser: OpaquePointer?
    private let core: XMLStreamCore
    /// How many times the parser was made anew.
    package private(set) var renewals = 0

    /// Makes a parser that knows the names in `vocabulary` by their numbers.
    package init(vocabulary: XMLVocabulary, limits: XMLLimits = XMLLimits()) {
        core = XMLStreamCore(vocabulary: vocabulary, limits: limits)
        makeParser()
    }

    private func makeParser() {
        // RFC 6120 §11.6: UTF-8 whatever the declaration says; a declaration that says otherwise is refused.
        parser = XML_ParserCreateNS("UTF-8", XML_Char(bitPattern: XMLVocabulary.separator))
        core.parser = parser
        guard let parser else { return }
        XML_SetUserData(parser, Unmanaged.passUnretained(core).toOpaque())
        XML_SetBillionLaughsAttackProtectionMaximumAmplification(parser, 1)
        XML_SetBillionLaughsAttackProtectionActivationThreshold(parser, 1 << 20)
        // Deferral would hold back a whole stanza until more octets come; tags are bounded here instead.
        XML_SetReparseDeferralEnabled(parser, 0)
        setHandlers(of: parser)
    }

    deinit {
        if let parser { XML_ParserFree(parser) }
    }

    /// What came out of the octets fed last.
    package var events: [XMLStreamEvent] { core.events }

    /// Why the stream cannot go on, once it cannot. What came before it is still among the events.
    package var failure: XMLStreamFailure? { core.failure }

    /// Takes octets. The events that came out of the ones before are void from here on.
    package func feed(_ octets: ByteBuffer) {
        core.beginBurst()
        guard parser != nil else {
            core.fail(.internalServerError, "no memory for a parser")
            return
        }
        octets.withUnsafeReadableBytes { bytes in
            var rest = bytes[...]
            while core.failure == nil, !rest.isEmpty {
                let piece = rest.prefix(XMLStreamCore.pieceOctets)
                rest = rest.dropFirst(feed(UnsafeRawBufferPointer(rebasing: piece)))
            }
        }
    }

    /// Has expat forget the names that it has seen: it keeps every one of them for as long as it lives. What holds for
    /// the stream stands in its header, which the new one reads again.
    private func renew() {
        if let parser { XML_ParserFree(parser) }
        makeParser()
        renewals += 1
        guard let parser else { return core.fail(.internalServerError, "no memory for a parser") }
        core.beginReplay()
        let isTaken = core.header.withUnsafeBytes { header in
            let start = header.baseAddress?.assumingMemoryBound(to: CChar.self)
            return XML_Parse(parser, start, Int32(truncatingIfNeeded: header.count), 0) == XML_STATUS_OK
        }
        core.endReplay()
        if !isTaken { core.fail(.internalServerError, "the stream's header cannot be read again") }
    }

    /// Takes the piece, or its beginning up to the end of a stanza, and returns how much was taken.
    private func feed(_ piece: UnsafeRawBufferPointer) -> Int {
        guard let parser else { return piece.count }
        guard core.beginsInUTF8(piece) else {
            core.fail(.notWellFormed, "a byte order mark or an encoding other than UTF-8")  // RFC 6120 §11.6
            return piece.count
        }
        core.keepHeader(piece)
        let start = piece.baseAddress?.assumingMemoryBound(to: CChar.self)
        let status = XML_Parse(parser, start, Int32(truncatingIfNeeded: piece.count), 0)
        if status == XML_STATUS_SUSPENDED, core.failure == nil {
            // expat stands behind the end of a stanza; what it has of the piece beyond is fed to the next one.
            let taken = core.stanzaEnd - core.fed
            renew()
            return min(max(taken, 0), piece.count)
        }
        core.fed += piece.count
        if status != XML_STATUS_OK, core.failure == nil {
            let (condition, text) = describe(XML_GetErrorCode(parser))
            core.fail(condition, text)
        }
        core.checkPending()
        return piece.count
    }

    private func describe(_ code: XML_Error) -> (XMLStreamCondition, String) {
        let text = XML_ErrorString(code).map { String(cString: $0) } ?? "error \(code.rawValue)"
        switch code {
        case XML_ERROR_UNDEFINED_ENTITY, XML_ERROR_RECURSIVE_ENTITY_REF, XML_ERROR_AMPLIFICATION_LIMIT_BREACH:
            return (.restrictedXML, text)  // RFC 6120 §11.1
        case XML_ERROR_INCORRECT_ENCODING, XML_ERROR_UNKNOWN_ENCODING:
            return (.unsupportedEncoding, text)
        case XML_ERROR_NO_MEMORY:
            return (.internalServerError, text)
        default:
            return (.notWellFormed, text)
        }
    }

    private func setHandlers(of parser: OpaquePointer) {
        XML_SetElementHandler(
            parser,
            { data, name, attributes in XMLStreamCore.with(data) { $0.start(name, attributes) } },
            { data, _ in XMLStreamCore.with(data) { $0.end() } }
        )
        XML_SetCharacterDataHandler(parser) { data, text, count in
            XMLStreamCore.with(data) { $0.text(UnsafeRawBufferPointer(start: text, count: Int(count))) }
        }
        XML_SetCommentHandler(parser) { data, _ in
            XMLStreamCore.with(data) { $0.fail(.restrictedXML, "a comment") }
        }
        XML_SetProcessingInstructionHandler(parser) { data, _, _ in
            XMLStreamCore.with(data) { $0.fail(.restrictedXML, "a processing instruction") }
        }
        XML_SetStartDoctypeDeclHandler(parser) { data, _, _, _, _ in
            XMLStreamCore.with(data) { $0.fail(.restrictedXML, "a document type declaration") }
        }
        XML_SetXmlDeclHandler(parser) { data, version, encoding, _ in
            XMLStreamCore.with(data) { $0.declaration(version: version, encoding: encoding) }
        }
    }
}
