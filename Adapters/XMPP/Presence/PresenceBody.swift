// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import MessageFormats

import struct NIOCore.ByteBuffer

/// Presence documents as bodies.
enum PresenceBody {
    /// Why nothing can be shown of a body.
    enum Fault: Error {
        /// It is something else, or sealed (E33, E34).
        case otherType
        /// It is called a presence document and is none.
        case broken
    }

    static func write(_ document: PresenceDocument) -> Body {
        .parts([BodyPart(mediaType: PresenceDocument.mediaType, octets: PIDFWriter.octets(of: document))])
    }

    static func read(_ body: Body, with reader: PIDFReader) -> Result<PIDFReading, Fault> {
        if case .parts(let parts) = body, parts.contains(where: \.isOpaque) { return .failure(.otherType) }
        switch reader.read(body) {
        case .success(let reading): return .success(reading)
        case .failure(let refusal): return .failure(refusal.cause.rule == .mediaType ? .otherType : .broken)
        }
    }

    /// Where messages for a user are taken (RFC 3860 §4).
    static func contact(of user: Address) -> String {
        "im:" + PresenceDocument.entity(of: user).dropFirst("pres:".count)
    }
}
