// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

public import struct NIOCore.ByteBuffer

/// A MIME entity as IMX messages carry it (IMX 5.1): a header with From and To, and content.
///
/// This is a derived view. The entity itself passes through the aggregator octet for octet; only an adapter whose
/// service has no MIME looks inside.
///
/// Where no transfer encoding is named, content is taken as binary and not as 7bit: IMX carries any octets, and lines
/// of any length (IMX 5.3).
public struct MIMEEntity: Sendable, Hashable {
    /// How the parts belong together.
    public enum Structure: Sendable, Hashable {
        /// There is one part.
        case single
        /// The parts are alternatives of one content.
        case alternative
        /// The parts are shown one after the other.
        case mixed
    }

    /// The author as written in the header; nil where it is missing, which breaks IMX 5.1 but is delivered.
    public var from: String?
    /// The recipient as written in the header.
    public var to: String?
    /// How the parts belong together.
    public var structure: Structure
    /// The parts in order, at least one. A multipart inside a multipart is one opaque part.
    public var parts: [BodyPart]
    /// Further headers of a multipart entity. Those of a single part stand in the part.
    public var headers: [HeaderField]

    /// Reads an entity.
    public init(reading entity: ByteBuffer, limits: MIMELimits = MIMELimits()) throws(MIMEError) {
        let base = entity.readerIndex
        var header = try MIMEEntity.header(of: entity, 0..<entity.readableBytes, limits)
        let content = entity.getSlice(
            at: base + header.contentStart,
            length: entity.readableBytes - header.contentStart
        )
        from = try header.take("from")
        to = try header.take("to")
        headers = []
        structure = .single
        let part = try MIMEEntity.part(&header, content ?? ByteBuffer())
        parts = [part]
        guard let type = MediaType(part.mediaType), type.type == "multipart" else { return }
        switch type.subtype {
        case "alternative": structure = .alternative
        case "mixed": structure = .mixed
        // Signed and encrypted content must pass as it is; an unknown structure is nobody's to take apart.
        default: return
        }
        guard !part.isUndecoded else { throw .malformed("a multipart with a transfer encoding") }
        guard let boundary = type.parameter("boundary"), MIMEEntity.isBoundary(boundary) else {
            throw .malformed("a multipart without a boundary")
        }
        parts = []
        headers = part.headers
        for range in try MIMEEntity.ranges(of: part.octets, boundary: boundary, limits) {
            var header = try MIMEEntity.header(of: part.octets, range, limits)
            let start = part.octets.readerIndex + header.contentStart
            let content = part.octets.getSlice(at: start, length: range.upperBound - header.contentStart)
            parts.append(try MIMEEntity.part(&header, content ?? ByteBuffer()))
        }
    }

    /// The parts of an entity in order.
    public static func parts(
        of entity: ByteBuffer,
        limits: MIMELimits = MIMELimits()
    ) -> Result<[BodyPart], MIMEError> {
        do throws(MIMEError) {
            return .success(try MIMEEntity(reading: entity, limits: limits).parts)
        } catch {
            return .failure(error)
        }
    }

    /// The parts of a body in order, read from its entity where it is one.
    public static func parts(of body: Body, limits: MIMELimits = MIMELimits()) -> Result<[BodyPart], MIMEError> {
        switch body {
        case .none: .success([])
        case .parts(let parts): .success(parts)
        case .entity(let octets): parts(of: octets, limits: limits)
        }
    }

    private static func header(
        of octets: ByteBuffer,
        _ range: Range<Int>,
        _ limits: MIMELimits
    ) throws(MIMEError) -> MIMEHeader {
        // A typed error does not pass through ByteBuffer's rethrowing closure.
        let result: Result<MIMEHeader, MIMEError> = octets.withUnsafeReadableBytes { bytes in
            do throws(MIMEError) {
                return .success(try MIMEHeader(bytes, range, limits: limits))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private static func part(_ header: inout MIMEHeader, _ content: ByteBuffer) throws(MIMEError) -> BodyPart {
        let written = try header.take("content-type") ?? "text/plain"
        let type = MediaType(written)
        var part = BodyPart(mediaType: written, octets: content)
        part.language = try header.take("content-language")
        part.disposition = try header.take("content-disposition")
        part.contentID = try header.take("content-id").map { id in
            id.hasPrefix("<") && id.hasSuffix(">") ? String(id.dropFirst().dropLast()) : id
        }
        let isMultipart = type?.type == "multipart"
        let encodings = header.fields.filter { $0.name.lowercased() == encodingName }
        guard encodings.count < 2 else { throw .malformed("two \(encodingName) headers") }
        if let encoding = TransferEncoding(encodings.first?.value), !isMultipart || encoding == .identity {
            guard let decoded = encoding.decode(content) else { throw .malformed("broken transfer encoding") }
            part.octets = decoded
            header.fields.removeAll { $0.name.lowercased() == encodingName }
        }
        part.headers = header.fields
        part.isOpaque = type == nil || isMultipart || part.isUndecoded || type?.type != "text"
        return part
    }

    static let encodingName = "content-transfer-encoding"

    /// RFC 2046 §5.1.1: 1 to 70 octets that need no escaping.
    static func isBoundary(_ text: String) -> Bool {
        (1...70).contains(text.utf8.count) && text.utf8.last != 0x20 && text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
    }
}

extension BodyPart {
    /// Whether the octets are still in a transfer encoding that is not known here.
    fileprivate var isUndecoded: Bool {
        headers.contains { $0.name.lowercased() == MIMEEntity.encodingName }
    }
}
