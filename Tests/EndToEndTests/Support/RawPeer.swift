// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A peer that says whatever a test wants, octet by octet. It shares no code with the aggregator, on purpose: it is
/// written from the specification alone.
final class RawPeer {
    /// One record.
    struct Record {
        var type: UInt16
        var flags: UInt8 = 0
        var tag: UInt32 = 0
        var payload: [UInt8] = []

        static let request: UInt8 = 0x01
        static let response: UInt8 = 0x02

        var octets: [UInt8] {
            big(UInt32(payload.count)) + big(type) + [flags, 0] + big(tag) + payload
        }

        /// The value of the first field with this id.
        func field(_ id: UInt16) -> [UInt8]? {
            var rest = payload[...]
            while rest.count >= 6 {
                let found = UInt16(rest[rest.startIndex]) << 8 | UInt16(rest[rest.startIndex + 1])
                let length = rest.dropFirst(2).prefix(4).reduce(0) { $0 << 8 | Int($1) }
                let value = rest.dropFirst(6).prefix(length)
                if found == id { return Array(value) }
                rest = rest.dropFirst(6 + length)
            }
            return nil
        }

        /// The outcome code, 0120.
        var code: Int? { field(0x0120).map { $0.reduce(0) { $0 << 8 | Int($1) } } }
    }

    static let preface: [UInt8] = [0x89, 0x49, 0x4D, 0x58, 0x0D, 0x0A, 0x1A, 0x0A]
    static let hello: UInt16 = 0x0001
    static let close: UInt16 = 0x0002
    static let claim: UInt16 = 0x0010
    static let message: UInt16 = 0x0020

    private let descriptor: Int32
    private var buffer: [UInt8] = []

    /// Connects; nothing is sent yet. A read waits at most `patience`.
    init(port: UInt16, patience: Int = 20) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var limit = timeval(tv_sec: patience, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw HarnessError("cannot connect to port \(port): errno \(errno)") }
    }

    deinit { Foundation.close(descriptor) }

    /// Connects and exchanges preface and HELLO.
    static func greeted(port: UInt16, dialled: String) throws -> RawPeer {
        let peer = try RawPeer(port: port)
        peer.send(preface)
        guard peer.take(preface.count) == preface else { throw HarnessError("no preface") }
        peer.send(helloRecord(dialled: dialled))
        guard let answer = peer.record(), answer.type == hello else { throw HarnessError("no HELLO") }
        return peer
    }

    static func helloRecord(dialled: String) -> Record {
        let random = (0..<48).map { _ in UInt8.random(in: 0...255) }
        return Record(
            type: hello,
            payload: field(0x0001, big(UInt16(1))) + field(0x0002, big(UInt16(1)))
                + field(0x0003, Array(random[..<16])) + field(0x0005, big(UInt32(65_536)))
                + field(0x0010, Array(random[16...])) + field(0x0011, Array(dialled.utf8))
        )
    }

    static func messageRecord(tag: UInt32, from: String, to: String) -> Record {
        let mime = "From: <im:\(from)>\r\nTo: <im:\(to)>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhello"
        return Record(
            type: message,
            flags: Record.request,
            tag: tag,
            payload: field(0x0100, Array(from.utf8)) + field(0x0101, Array(to.utf8))
                + field(0x0102, Array("hostile-\(tag)".utf8)) + field(0x0103, [128]) + field(0x0110, Array(mime.utf8))
        )
    }

    static func field(_ id: UInt16, _ value: [UInt8]) -> [UInt8] {
        big(id) + big(UInt32(value.count)) + value
    }

    func send(_ octets: [UInt8]) {
        _ = octets.withUnsafeBytes {
            Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
    }

    func send(_ record: Record) { send(record.octets) }

    /// Says that nothing more will come.
    func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// The next record whose type or flags are not grease, or nil when the connection ends or nothing comes.
    func record() -> Record? {
        while let header = take(12) {
            let length = header[..<4].reduce(0) { $0 << 8 | Int($1) }
            let type = UInt16(header[4]) << 8 | UInt16(header[5])
            guard let payload = take(length) else { return nil }
            if type & 0x0F0F == 0x0A0A { continue }
            return Record(
                type: type,
                flags: header[6],
                tag: header[8...].reduce(0) { $0 << 8 | UInt32($1) },
                payload: payload
            )
        }
        return nil
    }

    /// The answer to the request with this tag.
    func answer(to tag: UInt32) -> Record? {
        while let record = record() {
            if record.flags & Record.response != 0, record.tag == tag { return record }
        }
        return nil
    }

    /// Whether the other side ends the connection within the patience, whatever it says before.
    func isClosedByPeer() -> Bool {
        while true {
            var chunk = [UInt8](repeating: 0, count: 4096)
            let n = recv(descriptor, &chunk, chunk.count, 0)
            if n == 0 || (n < 0 && errno == ECONNRESET) { return true }
            if n < 0 { return false }
        }
    }

    private func take(_ count: Int) -> [UInt8]? {
        while buffer.count < count {
            var chunk = [UInt8](repeating: 0, count: 65_536)
            let n = recv(descriptor, &chunk, chunk.count, 0)
            guard n > 0 else { return nil }
            buffer += chunk[..<n]
        }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }
}

private func big(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }

private func big(_ value: UInt32) -> [UInt8] { big(UInt16(value >> 16)) + big(UInt16(value & 0xFFFF)) }
