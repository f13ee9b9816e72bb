// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

/// Says less of a presentity, where all of it is more than a way or a peer takes. It belongs to one event loop.
public final class PresenceCutter {
    private let reader = PIDFReader(mode: .tolerant)

    /// Makes a cutter.
    public init() {}

    /// The body with less in it: without what extensions say; where that is nothing, without notes either; where there
    /// are none, with half as many tuples, the first ones. What matters most is left: who is there, and how much.
    ///
    /// - Returns: Nil where nothing can be left out: one tuple is all there is, or it is no presence document, or one
    ///   that is signed or sealed.
    public func smaller(_ body: Body) -> Body? {
        if case .parts(let parts) = body, parts.contains(where: \.isOpaque) { return nil }
        guard case .success(let reading) = reader.read(body) else { return nil }
        let steps = [Self.withoutExtensions, Self.withoutNotes, Self.withFewerTuples]
        for step in steps {
            let octets = PIDFWriter.octets(of: step(reading.document))
            let less = Body.parts([BodyPart(mediaType: PresenceDocument.mediaType, octets: octets)])
            if less.octetCount < body.octetCount { return less }
        }
        return nil
    }

    private static func withoutExtensions(_ document: PresenceDocument) -> PresenceDocument {
        var document = document
        document.extensions = []
        for index in document.tuples.indices {
            document.tuples[index].extensions = []
            document.tuples[index].statusExtensions = []
        }
        return document
    }

    private static func withoutNotes(_ document: PresenceDocument) -> PresenceDocument {
        var document = withoutExtensions(document)
        document.notes = []
        for index in document.tuples.indices { document.tuples[index].notes = [] }
        return document
    }

    private static func withFewerTuples(_ document: PresenceDocument) -> PresenceDocument {
        var document = withoutNotes(document)
        document.tuples.removeLast(document.tuples.count / 2)
        return document
    }
}
