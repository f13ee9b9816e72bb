// SPDX-License-Identifier: Apache-2.0

/// A promise that the code under test did not keep.
package struct Violation: Error, CustomStringConvertible {
    /// Which promise.
    package let description: String

    init(_ description: String) { self.description = description }
}

/// Throws a ``Violation`` unless `condition` holds.
func hold(_ condition: Bool, _ promise: @autoclosure () -> String) throws(Violation) {
    guard condition else { throw Violation(promise()) }
}

/// One thing that is fed with arbitrary octets, by the fuzzer and again by the tests with every input that is kept.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// Every record reader and writer of IMX/1.
    case codec
    /// One end of a connection against arbitrary events, octets among them.
    case connection
    /// Both ends of a connection against arbitrary events, the octets between them being whole.
    case joined
    /// Both sides of the dial-back, and an attacker who repeats and mixes what he saw.
    case dialback
    /// The readers of IMX, SRV and TLSA records.
    case dns
    /// What a peer says before TLS is up, and the certificates that it shows.
    case tls
    /// The XML stream's parser and writer.
    case xml
    /// The reader and writer of MIME entities.
    case mime
    /// The reader and writer of presence documents.
    case pidf
    /// The sanitiser of text/html-lite, and its ways to XHTML-IM and plain text and back.
    case html

    /// Feeds the target with `octets`.
    package func run(_ octets: [UInt8]) throws(Violation) {
        switch self {
        case .codec: try CodecBody.run(octets)
        case .connection: try ConnectionBody.run(octets)
        case .joined: try JoinedBody.run(octets)
        case .dialback: try DialbackBody.run(octets)
        case .dns: try DNSBody.run(octets)
        case .tls: try TLSBody.run(octets)
        case .xml: try XMLBody.run(octets)
        case .mime: try MIMEBody.run(octets)
        case .pidf: try PIDFBody.run(octets)
        case .html: try HTMLBody.run(octets)
        }
    }
}
