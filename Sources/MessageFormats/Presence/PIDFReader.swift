// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

public import struct NIOCore.ByteBuffer

/// Reads presence documents (RFC 3863) and what RFC 4480 and others add to them.
///
/// A reader keeps its parser for the next document; it belongs to one event loop. What is passed on is never what was
/// read here but the octets themselves: no reading changes them.
public final class PIDFReader {
    /// What is done about faults.
    public enum Mode: Sendable, Hashable {
        /// A document is refused whose names, order or structure are not those of the specification.
        case strict
        /// Where it is plain what was meant, it is taken so and found: prefixes without declaration, end-tags that differ
        /// in their prefix, the namespace in other letters, another order of elements, several contacts in a tuple,
        /// white space around a value. Never for signed content.
        case tolerant
    }

    /// What is done about faults.
    public let mode: Mode
    /// The bounds.
    public let limits: PIDFLimits
    /// The time by which activities count that are told for a time only; nil where they never count.
    public var now: WallTime?

    private let parser = PIDFParser()

    /// Makes a reader.
    public init(mode: Mode, limits: PIDFLimits = PIDFLimits()) {
        self.mode = mode
        self.limits = limits
    }

    /// Reads the document in `octets`, whose media type is `mediaType` as written; its `charset` counts.
    ///
    /// A document whose signature covers it (`isSigned`) is never mended: it is read strictly, whatever the mode.
    public func read(
        _ octets: ByteBuffer,
        as mediaType: String = PresenceDocument.mediaType,
        isSigned: Bool = false
    ) -> Result<PIDFReading, PIDFRefusal> {
        var charset: String?
        if mediaType != PresenceDocument.mediaType {
            let type = MediaType(mediaType)
            guard let type, type.essence == PresenceDocument.mediaType else {
                return refused(.mediaType, "content of the type \(type?.essence ?? "unknown")")
            }
            charset = type.parameter("charset")?.lowercased()
        }
        guard octets.readableBytes <= limits.octets else {
            return refused(.limit, "more than \(limits.octets) octets")
        }
        let text: PIDFText
        do throws(PIDFText.Fault) {
            text = try PIDFText(octets, charset: charset)
        } catch {
            return refused(.encoding, error.description)
        }
        return read(text, isTolerant: mode == .tolerant && !isSigned)
    }

    /// Reads the presence document in a body: the first part that is one. Refused where there is none.
    public func read(_ body: Body) -> Result<PIDFReading, PIDFRefusal> {
        guard case .success(let parts) = MIMEEntity.parts(of: body) else {
            return refused(.mediaType, "no MIME entity")
        }
        let isPIDF = { (part: BodyPart) in
            part.mediaType == PresenceDocument.mediaType
                || MediaType(part.mediaType)?.essence == PresenceDocument.mediaType
        }
        guard let part = parts.first(where: isPIDF) ?? parts.first else { return refused(.mediaType, "no content") }
        return read(part.octets, as: part.mediaType)
    }

    private func read(_ text: PIDFText, isTolerant: Bool) -> Result<PIDFReading, PIDFRefusal> {
        guard text.octets.readableBytes <= limits.octets else {
            return refused(.limit, "more than \(limits.octets) octets in UTF-8")
        }
        guard !text.octets.mayHaveMoreAttributes(than: limits.attributes) else {
            return refused(.limit, "more than \(limits.attributes) attributes")
        }
        var findings: [PIDFFinding] = []
        if !text.hasDeclaration {
            findings.append(PIDFFinding(rule: .declaration, line: 1, column: 1, text: "no XML declaration"))
        }
        if let contradiction = text.contradiction {
            let text = "an XML declaration that says \(contradiction.prefix(32))"
            findings.append(PIDFFinding(rule: .charset, line: 1, column: 1, text: text))
        }
        let time = now.map { PresenceTime(milliseconds: $0.milliseconds) }
        let assembly = PIDFAssembly(isTolerant: isTolerant, limits: limits, now: time, findings: findings)
        let isRead = parser.parse(text.octets, telling: assembly, mendingTags: isTolerant)
        if let refusal = assembly.refusal { return .failure(refusal) }
        guard isRead, assembly.isComplete else { return refused(.wellFormed, "no whole document") }
        assembly.finish()
        return .success(
            PIDFReading(
                document: assembly.document,
                findings: assembly.findings,
                dependsOnTime: assembly.dependsOnTime
            )
        )
    }

    private func refused(_ rule: PIDFFinding.Rule, _ text: String) -> Result<PIDFReading, PIDFRefusal> {
        .failure(PIDFRefusal(cause: PIDFFinding(rule: rule, line: 0, column: 0, text: text), findings: []))
    }
}
