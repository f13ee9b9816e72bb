// SPDX-License-Identifier: Apache-2.0
import Discovery
import EnvelopeModel
import NIOCore
import TransportSecurity

/// What is read of a peer before anything is known of it: its first TLS message, and the certificates that it shows.
enum TLSBody {
    static func run(_ octets: [UInt8]) throws(Violation) {
        var input = FuzzInput(octets)
        // More are added at the end, so that what is kept keeps its meaning.
        switch input.number(below: 3) {
        case 0: try arriving(input.remaining())
        case 1: try written(&input)
        default: try certificates(&input)
        }
    }

    // MARK: ClientHello

    /// However much of it is there, the reading asks for more or comes to one end, which stays.
    private static func arriving(_ octets: ByteBuffer) throws(Violation) {
        var needed = 1
        var count = 0
        while let start = octets.getSlice(at: octets.readerIndex, length: count) {
            let reading = ClientHello.read(start)
            guard case .needs(let more) = reading else {
                try hold(count >= needed, "an end is seen with less than \(needed) octets")
                try check(reading)
                for later in [count + 1, octets.readableBytes] {
                    guard let longer = octets.getSlice(at: octets.readerIndex, length: later) else { continue }
                    try hold(isSame(ClientHello.read(longer), reading), "more octets change what was read: \(reading)")
                }
                return
            }
            try hold(more > count, "as much is asked for as is there")
            try hold(more <= ClientHello.maximumOctets, "\(more) octets are asked for")
            try hold(more == needed || count >= needed, "\(more) octets are asked for, and \(needed) are not there")
            needed = more
            count = count < needed - 1 ? needed - 1 : needed
        }
    }

    private static func isSame(_ a: ClientHello.Reading, _ b: ClientHello.Reading) -> Bool {
        // What is no TLS is described by as much of it as is there.
        if case .notTLS = a, case .notTLS = b { return true }
        return a == b
    }

    private static func check(_ reading: ClientHello.Reading) throws(Violation) {
        switch reading {
        case .needs: break
        case .notTLS(let text), .malformed(let text):
            try hold(text.utf8.count <= 80 && text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }, "a reason not to print")
        case .hello(let hello):
            if let name = hello.serverName {
                try hold((1...255).contains(name.utf8.count), "a name of \(name.utf8.count) octets")
                try hold(name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "a name that cannot be printed")
            }
            if let names = hello.protocols { try hold(!names.isEmpty && !names.contains(""), "an empty protocol") }
        }
    }

    /// A message that is right is read, in whatever records it comes.
    private static func written(_ input: inout FuzzInput) throws(Violation) {
        let name = input.flag() ? String(repeating: "a", count: 1 + input.number(below: 255)) : nil
        let protocols = input.flag() ? (0..<1 + input.number(below: 4)).map { "imx/\($0)" } : nil
        let message = ClientHelloWriter(name: name, protocols: protocols).message(&input)
        var out = ByteBuffer()
        var rest = message
        while rest.readableBytes > 0 {
            let count = min(rest.readableBytes, 1 + input.number(below: 1024))
            guard let piece = rest.readSlice(length: count) else { break }
            out.writeMultipleIntegers(UInt8(22), UInt8(3), UInt8(1), UInt16(count))
            out.writeImmutableBuffer(piece)
        }
        guard out.readableBytes <= ClientHello.maximumOctets else { return }
        out.writeImmutableBuffer(input.remaining())
        let reading = ClientHello.read(out)
        let hello = ClientHello(serverName: name, protocols: protocols)
        try hold(reading == .hello(hello), "a ClientHello is read as \(reading)")
    }

    // MARK: Certificates

    /// Nobody is trusted whom no authority and no signed record vouches for, whatever he shows.
    private static func certificates(_ input: inout FuzzInput) throws(Violation) {
        let isServer = input.flag()
        let isSecure = input.flag()
        let time = Int64(input.number(below: 65_536)) * 65_536
        var records: [TLSARecord] = []
        for _ in 0..<input.number(below: 3) {
            let record = TLSARecord(
                usage: UInt8(input.number(below: 5)),
                selector: UInt8(input.number(below: 3)),
                matching: UInt8(input.number(below: 4)),
                association: Array(input.buffer([0, 20, 32, 64][input.number(below: 4)]).readableBytesView)
            )
            records.append(record)
        }
        let shown = Array(input.remaining().readableBytesView)
        let chain = input.isEmpty && shown.isEmpty ? [] : [shown, TLSBody.certificate]
        // The record that vouches for what is shown, where that is a certificate at all.
        records.append(TLSARecord(usage: 3, selector: 0, matching: 0, association: shown))
        try judge(chain, Array(records.dropLast()), isServer, isSecure, time, mayStand: false)
        try judge(chain, records, isServer, isSecure, time, mayStand: isSecure)
        try judge([TLSBody.certificate, shown], records, isServer, isSecure, time, mayStand: false)
        let own = TLSARecord(usage: 3, selector: 0, matching: 0, association: TLSBody.certificate)
        let refusal = Self.refusal([TLSBody.certificate, shown], records + [own], isServer, isSecure, time)
        try hold((refusal == nil) == isSecure, "a signed record of the certificate is worth \(refusal ?? "too much")")
    }

    private static func judge(
        _ chain: [[UInt8]],
        _ records: [TLSARecord],
        _ isServer: Bool,
        _ isSecure: Bool,
        _ time: Int64,
        mayStand: Bool
    ) throws(Violation) {
        let refusal = refusal(chain, records, isServer, isSecure, time)
        let isVouchedFor = mayStand || isSecure && records.contains { $0.isUsable && couldMatch($0, chain) }
        try hold(refusal != nil || isVouchedFor, "a certificate stands that nobody vouches for")
        if let refusal {
            try hold(refusal.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }, "a reason that cannot be printed")
        }
    }

    /// Whether a record could be about what is shown. Keys and digests of arbitrary octets are beyond a fuzzer; only
    /// records of whole certificates are not.
    private static func couldMatch(_ record: TLSARecord, _ chain: [[UInt8]]) -> Bool {
        guard record.matching == 0, record.selector == 0 else { return false }
        return record.usage == 2 || record.usage == 3 && record.association == chain.first
    }

    private static func refusal(
        _ chain: [[UInt8]],
        _ records: [TLSARecord],
        _ isServer: Bool,
        _ isSecure: Bool,
        _ time: Int64
    ) -> String? {
        let shown = PresentedCertificate(chain: chain, roots: roots, isServer: isServer)
        _ = shown.summary
        let host = PeerService.Host(name: "front.b.example", port: 5290, usesTLS: true, tlsa: records)
        guard let domain = Domain("b.example") else { return "no domain" }
        return shown.refusal(for: domain, host: host, security: isSecure ? .secure : .insecure, time: time)
    }

    /// No authority is trusted.
    private static let roots: TrustRoots = {
        var settings = TLSSettings()
        settings.usesSystemRoots = false
        return TrustRoots(settings)
    }()
}

/// Writes a ClientHello (RFC 8446 §4.1.2) with much else in it.
struct ClientHelloWriter {
    var name: String?
    var protocols: [String]?

    func message(_ input: inout FuzzInput) -> ByteBuffer {
        var body = ByteBuffer()
        body.writeInteger(UInt16(0x0303))
        body.writeRepeatingByte(7, count: 32)
        body.writeVector(UInt8.self) { $0.writeRepeatingByte(1, count: input.number(below: 33)) }
        body.writeVector(UInt16.self) { $0.writeRepeatingByte(2, count: 2 + 2 * input.number(below: 64)) }
        body.writeVector(UInt8.self) { $0.writeInteger(UInt8(0)) }
        var extensions = ByteBuffer()
        let unknown = input.number(below: 4)
        for type in 0..<unknown {
            extensions.writeInteger(UInt16(1000 + type))
            extensions.writeVector(UInt16.self) { $0.writeRepeatingByte(3, count: input.number(below: 256)) }
        }
        if let name {
            extensions.writeInteger(UInt16(0))
            extensions.writeVector(UInt16.self) { list in
                list.writeVector(UInt16.self) { entry in
                    entry.writeInteger(UInt8(0))
                    entry.writeVector(UInt16.self) { $0.writeString(name) }
                }
            }
        }
        if let protocols {
            extensions.writeInteger(UInt16(16))
            extensions.writeVector(UInt16.self) { list in
                list.writeVector(UInt16.self) { entries in
                    for name in protocols { entries.writeVector(UInt8.self) { $0.writeString(name) } }
                }
            }
        }
        if extensions.readableBytes > 0 || input.flag() {
            body.writeVector(UInt16.self) { $0.writeImmutableBuffer(extensions) }
        }
        var message = ByteBuffer()
        message.writeInteger(UInt32(1 << 24 | body.readableBytes))
        message.writeImmutableBuffer(body)
        return message
    }
}

extension ByteBuffer {
    /// Writes what `body` writes, with its length in front.
    fileprivate mutating func writeVector<Length: FixedWidthInteger>(
        _ length: Length.Type,
        _ body: (inout ByteBuffer) -> Void
    ) {
        var inside = ByteBuffer()
        body(&inside)
        writeInteger(Length(truncatingIfNeeded: inside.readableBytes))
        writeImmutableBuffer(inside)
    }
}
