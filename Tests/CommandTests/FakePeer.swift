// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A service on a loopback port that says what a test wants to each connection, on a thread of its own.
final class FakePeer: Sendable {
    /// One connection.
    struct Connection {
        fileprivate let descriptor: Int32

        func write(_ octets: [UInt8]) {
            _ = octets.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        }

        func write(_ text: String) { write(Array(text.utf8)) }

        /// Exactly `count` octets; nil where the other end closes before or says nothing for a minute.
        func read(_ count: Int) -> [UInt8]? {
            var octets: [UInt8] = []
            while octets.count < count {
                var chunk = [UInt8](repeating: 0, count: count - octets.count)
                let length = recv(descriptor, &chunk, chunk.count, 0)
                guard length > 0 else { return nil }
                octets += chunk[..<length]
            }
            return octets
        }

        /// Type, flags, tag and payload of the next record.
        func record() -> (type: UInt16, flags: UInt8, tag: UInt32, payload: [UInt8])? {
            guard let header = read(12) else { return nil }
            let number = { (range: Range<Int>) in header[range].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } }
            guard let payload = read(Int(number(0..<4))) else { return nil }
            return (UInt16(number(4..<6)), header[6], number(8..<12), payload)
        }

        /// Waits until the other end closes or a minute has passed.
        func drain() { while read(1) != nil {} }
    }

    static let preface: [UInt8] = [0x89, 0x49, 0x4D, 0x58, 0x0D, 0x0A, 0x1A, 0x0A]

    let port: UInt16
    private let listener: Int32

    /// Listens, and hands every connection to `serve`, which is closed afterwards.
    init(_ serve: @escaping @Sendable (Connection) -> Void) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(listener, pointer, length) | listen(listener, 16) | getsockname(listener, pointer, &length)
            }
        }
        guard result == 0 else { throw POSIXError(.EADDRINUSE) }
        port = UInt16(bigEndian: address.sin_port)
        self.listener = listener
        Thread.detachNewThread {
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { return }
                var limit = timeval(tv_sec: 60, tv_usec: 0)
                setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
                Thread.detachNewThread {
                    serve(Connection(descriptor: descriptor))
                    close(descriptor)
                }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// The octets that hexadecimal digits spell.
    static func octets(_ digits: String) -> [UInt8] {
        let values = digits.compactMap(\.hexDigitValue)
        return stride(from: 0, to: values.count - 1, by: 2).map { UInt8(values[$0] << 4 | values[$0 + 1]) }
    }

    /// A record.
    static func record(_ type: UInt16, flags: UInt8 = 0, tag: UInt32 = 0, _ fields: [(UInt16, [UInt8])]) -> [UInt8] {
        let payload = fields.flatMap { big($0.0) + big(UInt32($0.1.count)) + $0.1 }
        return big(UInt32(payload.count)) + big(type) + [flags, 0] + big(tag) + payload
    }

    /// A good HELLO of an acceptor.
    static let hello = record(
        0x0001,
        [
            (0x0001, [0, 1]), (0x0002, [0, 1]), (0x0003, Array(repeating: 7, count: 16)),
            (0x0010, Array(repeating: 9, count: 32)),
        ]
    )

    private static func big(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian, Array.init)
    }
}
