// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

public import struct NIOCore.ByteBuffer

/// A presence document as it can be understood: a derived view, which never replaces the octets that it was read from
/// (RFC 3863 §4; standards reference E).
public struct PresenceDocument: Sendable, Hashable {
    /// The presentity's URI as written, such as `pres:alice@a.example`.
    public var entity: String
    /// One for each device, session or means of contact, in order.
    public var tuples: [PresenceTuple] = []
    /// Notes on the presentity as a whole.
    public var notes: [LocalizedText] = []
    /// Elements of other namespaces beside the tuples, each as a namespace-complete octet string (RPID's `person` and
    /// `device` among them).
    public var extensions: [ByteBuffer] = []

    /// Makes a document without tuples: the presentity is not there.
    public init(entity: String) {
        self.entity = entity
    }

    /// The media type of a presence document.
    public static let mediaType = "application/pidf+xml"
}

/// One means of communication of a presentity.
public struct PresenceTuple: Sendable, Hashable {
    /// Whether messages are taken there.
    public enum Basic: String, Sendable, Hashable {
        case open
        case closed
    }

    /// How much somebody is there (RFC 6121 §4.7.2.1); available without more where nil.
    public enum Show: String, Sendable, Hashable, CaseIterable {
        case away
        case chat
        case dnd
        case xa
    }

    /// The tuple's identifier as written, unique in its document.
    public var id: String
    /// Whether messages are taken; nil where the tuple does not say.
    public var basic: Basic?
    /// How much somebody is there: from `show` of jabber:client, else from `im` of pidf:im, else from RPID.
    public var show: Show?
    /// Notes for people, at most one for each language where we author the document.
    public var notes: [LocalizedText] = []
    /// The URI of the means of contact, white space around it removed.
    public var contact: String?
    /// The contact's priority as written, if it is one: `0` to `1` with at most three decimals.
    public var contactPriority: String?
    /// The time of the state as written, an RFC 3339 text.
    public var timestamp: String?
    /// Elements of other namespaces inside `status`, without those that ``show`` was read from.
    public var statusExtensions: [ByteBuffer] = []
    /// Elements of other namespaces beside `status`.
    public var extensions: [ByteBuffer] = []

    /// Makes a tuple.
    public init(id: String, basic: Basic? = nil) {
        self.id = id
        self.basic = basic
    }
}
