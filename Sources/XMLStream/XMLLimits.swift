// SPDX-License-Identifier: Apache-2.0

/// What one stanza, and one stream, may cost.
///
/// A stanza beyond the soft limits is read to its end without being kept and handed over as
/// ``XMLStreamEvent/oversize(_:_:)``, so that its sender can be told and everybody else on the stream is spared
/// (RFC 6120 §4.9.3.14 allows either). Only what would cost memory or time without end closes the stream.
package struct XMLLimits: Sendable, Hashable {
    /// The most octets of one stanza, as it stands on the wire. RFC 6120 §13.12 wants at least 10,000.
    package var stanzaOctets = 262_144
    /// The most levels of elements in a stanza, the stanza itself being the first.
    package var depth = 32
    /// The most elements and pieces of text in a stanza.
    package var nodes = 8_192
    /// The most attributes of one element, namespace declarations not counted.
    package var attributes = 64
    /// The most octets of one name together with its namespace.
    package var nameOctets = 512
    /// The most octets of one attribute value.
    package var valueOctets = 8_192

    /// The most octets of one tag; beyond it the stream is closed, since expat would have to hold it.
    package var tagOctets = 65_536
    /// The most octets of a stanza that is being skipped; beyond it the stream is closed.
    package var skippedOctets = 16_777_216
    /// The most levels of a stanza that is being skipped; beyond it the stream is closed.
    package var skippedDepth = 1_024

    /// Makes the limits that every link starts with.
    package init() {}
}

/// The limit that a stanza broke.
package enum XMLLimit: String, Sendable, Hashable {
    /// ``XMLLimits/stanzaOctets``
    case stanzaOctets = "octets of a stanza"
    /// ``XMLLimits/depth``
    case depth
    /// ``XMLLimits/nodes``
    case nodes = "elements of a stanza"
    /// ``XMLLimits/attributes``
    case attributes = "attributes of an element"
    /// ``XMLLimits/nameOctets``
    case nameOctets = "octets of a name"
    /// ``XMLLimits/valueOctets``
    case valueOctets = "octets of an attribute"
}
