// SPDX-License-Identifier: Apache-2.0
package import struct NIOCore.ByteBuffer

/// What the first message of a TLS client says that decides which certificate it is shown (RFC 8446 §4.1.2).
///
/// It is read before anything is spent on the connection. BoringSSL reads the same octets again; where the two readings
/// should differ, the peer gets a certificate that it did not mean, and nobody else is concerned.
package struct ClientHello: Sendable, Hashable {
    /// The name asked for, as sent; nil where none was.
    package var serverName: String?
    /// The protocols offered by ALPN; nil where none were.
    package var protocols: [String]?

    /// Makes one that says this.
    package init(serverName: String?, protocols: [String]?) {
        self.serverName = serverName
        self.protocols = protocols
    }

    /// How far the reading came.
    package enum Reading: Sendable, Hashable {
        /// At least so many octets in all are needed to know more.
        case needs(Int)
        /// The whole message is there.
        case hello(ClientHello)
        /// The octets are no TLS; the reason is for people.
        case notTLS(String)
        /// The octets begin as TLS and are wrong.
        case malformed(String)
    }

    /// The longest message taken, record headers included.
    package static let maximumOctets = 16 * 1024

    /// Reads from the start of what has come on a connection. Consumes nothing.
    package static func read(_ octets: ByteBuffer) -> Reading {
        var records = octets
        guard let first: UInt8 = records.getInteger(at: records.readerIndex) else { return .needs(1) }
        guard first == 22 else { return .notTLS(describe(octets)) }
        var message = ByteBuffer()
        while true {
            let consumed = octets.readableBytes - records.readableBytes
            guard records.readableBytes >= 5 else { return more(consumed + 5) }
            guard let type: UInt8 = records.readInteger(), let major: UInt8 = records.readInteger(),
                records.readInteger(as: UInt8.self) != nil, let length: UInt16 = records.readInteger()
            else { return more(consumed + 5) }
            guard type == 22, major == 3 else { return .notTLS(describe(octets)) }
            guard (1...16_384).contains(length) else { return .malformed("a record of \(length) octets") }
            guard var fragment = records.readSlice(length: Int(length)) else { return more(consumed + 5 + Int(length)) }
            message.writeBuffer(&fragment)
            if let reading = parse(message) { return reading }
        }
    }

    private static func more(_ count: Int) -> Reading {
        count > maximumOctets ? .malformed("its first message is too long") : .needs(count)
    }

    /// The message at the start of `octets`; nil where it is not all there.
    private static func parse(_ octets: ByteBuffer) -> Reading? {
        var octets = octets
        guard let word: UInt32 = octets.getInteger(at: octets.readerIndex) else { return nil }
        guard word >> 24 == 1 else { return .malformed("its first message is not a ClientHello") }
        let length = Int(word & 0xFF_FFFF)
        guard length <= maximumOctets else { return .malformed("its first message is too long") }
        octets.moveReaderIndex(forwardBy: 4)
        guard let body = octets.readSlice(length: length) else { return nil }
        guard let hello = ClientHello(body: body) else { return .malformed("its ClientHello cannot be read") }
        return .hello(hello)
    }

    private init?(body: ByteBuffer) {
        var body = body
        guard body.readSlice(length: 2 + 32) != nil,  // version, random
            body.readLengthPrefixedSlice(as: UInt8.self) != nil,  // session
            body.readLengthPrefixedSlice(as: UInt16.self) != nil,  // cipher suites
            body.readLengthPrefixedSlice(as: UInt8.self) != nil  // compressions
        else { return nil }
        if body.readableBytes == 0 { return }  // a client of TLS 1.2 without extensions
        guard var extensions = body.readLengthPrefixedSlice(as: UInt16.self), body.readableBytes == 0 else {
            return nil
        }
        var seen: Set<UInt16> = []
        while extensions.readableBytes > 0 {
            guard let type: UInt16 = extensions.readInteger(), seen.insert(type).inserted,
                let value = extensions.readLengthPrefixedSlice(as: UInt16.self)
            else { return nil }
            switch type {
            case 0:
                guard let name = ClientHello.name(value) else { return nil }
                serverName = name
            case 16:
                guard let names = ClientHello.protocols(value) else { return nil }
                protocols = names
            default: break
            }
        }
    }

    // RFC 6066 §3
    private static func name(_ value: ByteBuffer) -> String? {
        var value = value
        guard var list = value.readLengthPrefixedSlice(as: UInt16.self), value.readableBytes == 0,
            list.readInteger(as: UInt8.self) == 0,  // host_name
            let name = list.readLengthPrefixedSlice(as: UInt16.self), list.readableBytes == 0,
            (1...255).contains(name.readableBytes), name.readableBytesView.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        return String(buffer: name)
    }

    // RFC 7301 §3.1
    private static func protocols(_ value: ByteBuffer) -> [String]? {
        var value = value
        guard var list = value.readLengthPrefixedSlice(as: UInt16.self), value.readableBytes == 0 else { return nil }
        var names: [String] = []
        while list.readableBytes > 0 {
            guard let name = list.readLengthPrefixedSlice(as: UInt8.self), name.readableBytes > 0 else { return nil }
            names.append(String(decoding: name.readableBytesView, as: UTF8.self))
        }
        return names.isEmpty ? nil : names
    }

    /// What `octets`, which are no TLS, look like.
    package static func describe(_ octets: ByteBuffer) -> String {
        let start = octets.readableBytesView.prefix(8)
        if start.starts(with: "IMX".utf8) { return "IMX/1 without TLS" }
        if start.allSatisfy({ (0x20...0x7E).contains($0) }) { return "\"\(String(decoding: start, as: UTF8.self))\"" }
        let digits = Array("0123456789abcdef")
        return "octets " + start.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    }
}
