// SPDX-License-Identifier: Apache-2.0
import struct NIOCore.ByteBuffer

extension PIDFWriter {
    /// What RPID is told of a person whose devices are all away or all not to be disturbed (RFC 4480 §3.2).
    struct Hint {
        let octets: ByteBuffer

        fileprivate init(_ activity: String) {
            octets = ByteBuffer(
                string: """
                    <person xmlns="urn:ietf:params:xml:ns:pidf:data-model" id="rpid.person">\
                    <activities xmlns="urn:ietf:params:xml:ns:pidf:rpid"><\(activity)/></activities></person>
                    """
            )
        }

        fileprivate static let away = Hint("away")
        fileprivate static let busy = Hint("busy")
    }

    /// The hint that goes with a document, unless its own extensions speak of such things.
    static func hint(for document: PresenceDocument) -> Hint? {
        var first: PresenceTuple.Show?
        for tuple in document.tuples where tuple.basic == .open {
            guard let show = tuple.show, show != .chat else { return nil }
            first = first ?? show
        }
        guard let first, !hasOwnWords(document) else { return nil }
        return first == .dnd ? .busy : .away
    }

    /// Whether `element` is octet for octet what a hint is written as.
    static func isHint(_ element: ByteBuffer) -> Bool {
        element == Hint.away.octets || element == Hint.busy.octets
    }

    private static func hasOwnWords(_ document: PresenceDocument) -> Bool {
        if document.extensions.contains(where: speaksOfPIDF) { return true }
        return document.tuples.contains { tuple in
            tuple.id == "rpid.person" || tuple.extensions.contains(where: speaksOfPIDF)
                || tuple.statusExtensions.contains(where: speaksOfPIDF)
        }
    }

    /// Whether one of the extensions that are registered below PIDF's own name may stand in `element`.
    private static func speaksOfPIDF(_ element: ByteBuffer) -> Bool {
        let name = PresenceNamespace.pidfName
        if UserInput.isOne(element) { return false }
        return element.withUnsafeReadableBytes { bytes in
            var start = 0
            while let colon = bytes[start...].firstIndex(of: UInt8(ascii: ":")) {
                // The name without its `urn`, and the colon behind it.
                let from = colon - 3
                let end = from + name.utf8CodeUnitCount
                if from >= 0, end < bytes.count, bytes[end] == UInt8(ascii: ":"),
                    bytes[from..<end]
                        .elementsEqual(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
                {
                    return true
                }
                start = colon + 1
            }
            return false
        }
    }
}
