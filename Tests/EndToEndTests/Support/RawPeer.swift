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
        var reserved: UInt8 = 0

        static let request: UInt8 = 0x01
        static let response: UInt8 = 0x02

        var octets: [UInt8] {
            big(UInt32(payload.count)) + big(type) + [flags, reserved] + big(tag) + payload
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

        /// The values of all fields with this id.
        func fields(_ id: UInt16) -> [[UInt8]] {
            var rest = payload[...]
            var found: [[UInt8]] = []
            while rest.count >= 6 {
                let length = rest.dropFirst(2).prefix(4).reduce(0) { $0 << 8 | Int($1) }
                if Array(rest.prefix(2)) == big(id) { found.append(Array(rest.dropFirst(6).prefix(length))) }
                rest = rest.dropFirst(6 + length)
            }
            return found
        }

        /// The outcome code, 0120.
        var code: Int? { field(0x0120).map { $0.reduce(0) { $0 << 8 | Int($1) } } }
    }

    static let preface: [UInt8] = [0x89, 0x49, 0x4D, 0x58, 0x0D, 0x0A, 0x1A, 0x0A]
    static let hello: UInt16 = 0x0001
    static let close: UInt16 = 0x0002
    static let redirect: UInt16 = 0x0003
    static let ping: UInt16 = 0x0004
    static let claim: UInt16 = 0x0010
    static let verify: UInt16 = 0x0011
    static let proof: UInt16 = 0x0012
    static let message: UInt16 = 0x0020
    static let subscribe: UInt16 = 0x0030

    private let descriptor: Int32
    private var buffer: [UInt8] = []
    /// The HELLO records of both ends, as sent: what identifies the connection.
    private(set) var hellos: (dialler: [UInt8], acceptor: [UInt8]) = ([], [])
    /// The CLOSE records that came.
    private(set) var closes: [Record] = []
    /// How many octets went out and came in.
    private(set) var octets = (sent: 0, received: 0)

    /// Connects from the loopback address `source`; nothing is sent yet. A read waits at most `patience` seconds.
    /// What comes in and is not read finds room for `window` octets, or for as many as the kernel likes.
    init(port: UInt16, from source: String? = nil, patience: Double = 20, window: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        if var window { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &window, socklen_t(MemoryLayout<Int32>.size)) }
        wait(atMost: patience)
        if let source, !Loopback.bind(descriptor, to: source, port: 0) {
            throw HarnessError("cannot use the address \(source): errno \(errno)")
        }
        guard Loopback.connect(descriptor, to: "127.0.0.1", port: port) else {
            throw HarnessError("cannot connect to port \(port): errno \(errno)")
        }
    }

    /// Takes over a connection that somebody else has opened to here.
    init(accepted: Int32, patience: Double = 20) {
        descriptor = accepted
        wait(atMost: patience)
    }

    deinit { Foundation.close(descriptor) }

    /// A read waits at most so many seconds from now on.
    func wait(atMost patience: Double) {
        var limit = timeval(tv_sec: Int(patience), tv_usec: Int((patience - patience.rounded(.down)) * 1_000_000))
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Connects and exchanges preface and HELLO.
    static func greeted(
        port: UInt16,
        dialled: String,
        from source: String? = nil,
        patience: Double = 20
    ) throws -> RawPeer {
        let peer = try RawPeer(port: port, from: source, patience: patience)
        guard try peer.greet(dialled: dialled)?.type == hello else { throw HarnessError("no HELLO") }
        return peer
    }

    /// Exchanges prefaces and sends HELLO, as who has dialled; gives what came in answer.
    func greet(dialled: String, nonce: [UInt8]? = nil) throws -> Record? {
        send(Self.preface)
        guard take(Self.preface.count) == Self.preface else { throw HarnessError("no preface") }
        let own = Self.helloRecord(dialled: dialled, nonce: nonce)
        send(own)
        let answer = record()
        hellos = (own.octets, answer?.octets ?? [])
        return answer
    }

    /// Exchanges prefaces and HELLO, as who was dialled; gives the caller's HELLO, nil where the caller has gone.
    func welcome(nonce: [UInt8]? = nil) -> Record? {
        send(Self.preface)
        guard take(Self.preface.count) == Self.preface, let theirs = record(), theirs.type == Self.hello else {
            return nil
        }
        let own = Self.helloRecord(dialled: nil, nonce: nonce)
        send(own)
        hellos = (theirs.octets, own.octets)
        return theirs
    }

    static func helloRecord(dialled: String?, nonce: [UInt8]? = nil) -> Record {
        Record(
            type: hello,
            payload: field(0x0001, big(UInt16(1))) + field(0x0002, big(UInt16(1)))
                + field(0x0003, random(16)) + field(0x0005, big(UInt32(65_536)))
                + field(0x0010, nonce ?? random(32)) + (dialled.map { field(0x0011, Array($0.utf8)) } ?? [])
        )
    }

    static func random(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255) } }

    static func messageRecord(tag: UInt32, from: String, to: String, id: String? = nil) -> Record {
        let mime = "From: <im:\(from)>\r\nTo: <im:\(to)>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhello"
        return Record(
            type: message,
            flags: Record.request,
            tag: tag,
            payload: field(0x0100, Array(from.utf8)) + field(0x0101, Array(to.utf8))
                + field(0x0102, Array((id ?? "hostile-\(tag)").utf8)) + field(0x0103, [128])
                + field(0x0110, Array(mime.utf8))
        )
    }

    static func field(_ id: UInt16, _ value: [UInt8]) -> [UInt8] {
        big(id) + big(UInt32(value.count)) + value
    }

    /// Writes all of it, unless the other side has gone.
    func send(_ octets: [UInt8]) {
        var rest = octets[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
            self.octets.sent += count
        }
    }

    func send(_ record: Record) { send(record.octets) }

    /// ``send(_:)``, and whether the other side was still there to take it.
    func sendIfThere(_ octets: [UInt8]) -> Bool {
        let before = self.octets.sent
        send(octets)
        return self.octets.sent - before == octets.count
    }

    /// Says that nothing more will come.
    func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Takes the other side's preface; false where something else comes, or nothing.
    func takePreface() -> Bool { take(Self.preface.count) == Self.preface }

    /// The next record whose type or flags are not grease, or nil when the connection ends or nothing comes.
    func record() -> Record? {
        while let header = take(12) {
            let length = header[..<4].reduce(0) { $0 << 8 | Int($1) }
            let type = UInt16(header[4]) << 8 | UInt16(header[5])
            guard let payload = take(length) else { return nil }
            if type & 0x0F0F == 0x0A0A { continue }
            let record = Record(
                type: type,
                flags: header[6],
                tag: header[8...].reduce(0) { $0 << 8 | UInt32($1) },
                payload: payload,
                reserved: header[7]
            )
            if type == Self.close { closes.append(record) }
            return record
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

    /// Whether anything comes within the patience; it is left where it is.
    func hasOctets() -> Bool {
        var octet: UInt8 = 0
        return recv(descriptor, &octet, 1, Int32(MSG_PEEK)) == 1
    }

    /// Whether the other side ends the connection within the patience, whatever it says before.
    func isClosedByPeer() -> Bool {
        while true {
            var chunk = [UInt8](repeating: 0, count: 4096)
            let n = recv(descriptor, &chunk, chunk.count, 0)
            if n == 0 || (n < 0 && errno == ECONNRESET) { return true }
            if n < 0 { return false }
            octets.received += n
        }
    }

    private func take(_ count: Int) -> [UInt8]? {
        while buffer.count < count {
            var chunk = [UInt8](repeating: 0, count: 65_536)
            let n = recv(descriptor, &chunk, chunk.count, 0)
            guard n > 0 else { return nil }
            octets.received += n
            buffer += chunk[..<n]
        }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }
}

func big(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }

func big(_ value: UInt32) -> [UInt8] { big(UInt16(value >> 16)) + big(UInt16(value & 0xFFFF)) }
