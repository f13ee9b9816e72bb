// SPDX-License-Identifier: Apache-2.0
import Foundation
import NIOCore

/// A capture as tcpdump writes it (pcap 2.4, raw IPv4), made of octets alone: no socket, no privilege.
struct CaptureFile {
    private var packets = ByteBuffer()
    private var sequence: [String: UInt32] = [:]
    private(set) var frames = 0

    /// The port of every acceptor.
    static let port: UInt16 = 7_777

    /// Adds a TCP segment of connection `stream`, a millisecond after the one before.
    mutating func add(_ octets: ByteBuffer, stream: UInt16 = 1, fromDialler: Bool = true) {
        let dialler = (address: UInt32(0x0A00_0001), port: 40_000 + stream)
        let acceptor = (address: UInt32(0x0A00_0002), port: Self.port)
        let (from, to) = fromDialler ? (dialler, acceptor) : (acceptor, dialler)
        let here = sequence["\(stream) \(fromDialler)", default: 1]
        let there = sequence["\(stream) \(!fromDialler)", default: 1]
        sequence["\(stream) \(fromDialler)"] = here &+ UInt32(octets.readableBytes)
        let length = 40 + octets.readableBytes
        frames += 1
        packets.writeMultipleIntegers(
            UInt32(1_800_000_000 + frames / 1000),
            UInt32(frames % 1000 * 1000),
            UInt32(length),
            UInt32(length),
            endianness: .little
        )
        // IPv4 and TCP without options; checksums of 0, which Wireshark does not look at.
        packets.writeMultipleIntegers(UInt16(0x4500), UInt16(length), UInt32(0), UInt32(0x4006_0000))
        packets.writeMultipleIntegers(from.address, to.address, from.port, to.port, here, there)
        packets.writeMultipleIntegers(UInt32(0x5018_FFFF), UInt32(0))
        packets.writeImmutableBuffer(octets)
    }

    /// Adds both prefaces.
    mutating func open(_ stream: UInt16 = 1) {
        add(octets("89494D580D0A1A0A"), stream: stream)
        add(octets("89494D580D0A1A0A"), stream: stream, fromDialler: false)
    }

    /// Writes the file.
    func write(to url: URL) throws {
        var file = ByteBuffer()
        file.writeMultipleIntegers(
            UInt32(0xA1B2_C3D4),
            UInt16(2),
            UInt16(4),
            UInt32(0),
            UInt32(0),
            UInt32(262_144),
            UInt32(101),
            endianness: .little
        )
        file.writeImmutableBuffer(packets)
        try Data(file.readableBytesView).write(to: url)
    }
}
