// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Sockets on loopback addresses, of which there are many: 127.0.0.0/8.
enum Loopback {
    /// Binds to a loopback address.
    static func bind(_ descriptor: Int32, to address: String, port: UInt16) -> Bool {
        with(address, port) { Foundation.bind(descriptor, $0, $1) == 0 }
    }

    /// Connects to a loopback address.
    static func connect(_ descriptor: Int32, to address: String, port: UInt16) -> Bool {
        with(address, port) { Foundation.connect(descriptor, $0, $1) == 0 }
    }

    /// Listens on one port of every loopback address; nobody outside can reach it, for it is tied to the device `lo`.
    static func listenEverywhere(_ port: UInt16) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        let device = Array("lo".utf8)
        guard setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, device, socklen_t(device.count)) == 0,
            bind(descriptor, to: "0.0.0.0", port: port), listen(descriptor, 4096) == 0
        else {
            let code = errno
            close(descriptor)
            throw HarnessError("cannot listen on port \(port) of the loopback device: errno \(code)")
        }
        return descriptor
    }

    private static func with(
        _ address: String,
        _ port: UInt16,
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Bool
    ) -> Bool {
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        guard inet_pton(AF_INET, address, &name.sin_addr) == 1 else { return false }
        return withUnsafePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }
}
