// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Many sockets at once, each from one of many loopback addresses.
final class Crowd {
    private(set) var descriptors: [Int32] = []
    private let port: UInt16

    init(port: UInt16) { self.port = port }

    deinit { leave() }

    /// Opens `count` more connections, from 127.`network`.0.1 on; each says `greeting`. Gives how many were made.
    @discardableResult
    func come(_ count: Int, network: UInt8, saying greeting: [UInt8] = []) -> Int {
        var made = 0
        for number in 0..<count {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { break }
            var yes: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_IP), 24, &yes, 4)  // IP_BIND_ADDRESS_NO_PORT
            let source = 0x7F00_0000 | UInt32(network) << 16 | UInt32(number / 200 % 250) << 8 | 1
            let isThere =
                call(bind, descriptor, address(source, 0)) == 0
                && call(connect, descriptor, address(0x7F00_0001, port)) == 0
            guard isThere else {
                close(descriptor)
                continue
            }
            descriptors.append(descriptor)
            made += 1
            if !greeting.isEmpty { say(greeting, on: descriptor) }
        }
        return made
    }

    func say(_ octets: [UInt8], on descriptor: Int32) {
        _ = octets.withUnsafeBytes {
            send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        }
    }

    /// Reads what has come, and takes those out that the other side has closed; gives how many are left.
    func left() -> Int {
        var chunk = [UInt8](repeating: 0, count: 4096)
        descriptors.removeAll { descriptor in
            while true {
                let n = recv(descriptor, &chunk, chunk.count, Int32(MSG_DONTWAIT))
                if n > 0 { continue }
                guard n == 0 || (errno != EAGAIN && errno != EINTR) else { return false }
                close(descriptor)
                return true
            }
        }
        return descriptors.count
    }

    /// Closes all of them.
    func leave() {
        for descriptor in descriptors { close(descriptor) }
        descriptors = []
    }

    private func address(_ host: UInt32, _ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = host.bigEndian
        return address
    }

    private func call(
        _ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32,
        _ descriptor: Int32,
        _ address: sockaddr_in
    ) -> Int32 {
        withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                function(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}

/// What a process has in memory, in KiB.
func residentKiB(of pid: pid_t) throws -> Int {
    let text = try String(contentsOfFile: "/proc/\(pid)/smaps_rollup", encoding: .utf8)
    guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("Rss:") }),
        let kib = line.split(separator: " ").compactMap({ Int($0) }).first
    else { throw HarnessError("no Rss in smaps_rollup") }
    return kib
}
