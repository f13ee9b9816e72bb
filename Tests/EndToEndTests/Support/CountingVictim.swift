// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A service that has nothing to do with IMX, on one port of every loopback address. It counts who connects, and what
/// they say.
final class CountingVictim: Sendable {
    /// What came.
    struct Count: Sendable {
        var dials = 0
        var octets = 0
        /// The most octets of one connection.
        var most = 0
        /// Whether every octet was of IMX's preface.
        var isPreface = true
    }

    let port: UInt16
    private let listener: Int32
    private let counted = Locked<Count>(Count())
    private let isOver = Locked<Bool>(false)

    /// A service that greets with `greeting`, and with nothing where that is empty.
    init(greeting: String = "220 mail.example ESMTP\r\n") throws {
        port = try Ports.free()
        listener = try Loopback.listenEverywhere(port)
        let (listener, counted, isOver) = (listener, counted, isOver)
        Thread {
            var said: [Int32: [UInt8]] = [:]
            while !isOver.value {
                var watched = ([listener] + said.keys).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
                guard poll(&watched, nfds_t(watched.count), 100) > 0 else { continue }
                for descriptor in watched where descriptor.revents != 0 {
                    guard descriptor.fd == listener else {
                        Self.hear(descriptor.fd, &said, counted)
                        continue
                    }
                    let caller = accept(listener, nil, nil)
                    guard caller >= 0 else { continue }
                    counted.change { $0.dials += 1 }
                    said[caller] = []
                    _ = Foundation.send(caller, greeting, greeting.utf8.count, Int32(MSG_NOSIGNAL))
                }
            }
            for descriptor in said.keys { close(descriptor) }
            close(listener)
        }.start()
    }

    deinit { isOver.set(true) }

    var count: Count { counted.value }

    private static func hear(_ descriptor: Int32, _ said: inout [Int32: [UInt8]], _ counted: Locked<Count>) {
        var chunk = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        guard count > 0 else {
            close(descriptor)
            said[descriptor] = nil
            return
        }
        let all = said[descriptor, default: []] + chunk[..<count]
        said[descriptor] = all
        counted.change {
            $0.octets += count
            $0.most = max($0.most, all.count)
            $0.isPreface = $0.isPreface && all.count <= 8 && all == Array(RawPeer.preface.prefix(all.count))
        }
    }
}
