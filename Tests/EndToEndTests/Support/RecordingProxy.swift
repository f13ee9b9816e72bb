// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Passes connections on to another port, and keeps what the callers say, octet by octet.
final class RecordingProxy: Sendable {
    let port: UInt16
    private let listener: Int32
    private let said = Locked<[[UInt8]]>([])

    /// Passes everything on to `destination`.
    init(to destination: UInt16) throws {
        port = try Ports.free()
        listener = try Loopback.listenEverywhere(port)
        let (listener, said) = (listener, said)
        Thread {
            while true {
                let caller = accept(listener, nil, nil)
                guard caller >= 0 else { return }
                let far = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
                guard Loopback.connect(far, to: "127.0.0.1", port: destination) else {
                    close(caller)
                    close(far)
                    continue
                }
                var index = 0
                said.change {
                    index = $0.count
                    $0.append([])
                }
                let number = index
                Self.pump(from: caller, to: far) { octets in said.change { $0[number] += octets } }
                Self.pump(from: far, to: caller) { _ in }
            }
        }.start()
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// What the callers said, one list of octets for each connection so far.
    var recordings: [[UInt8]] { said.value }

    /// The preface and the records of a recording.
    static func parts(of recording: [UInt8]) -> [[UInt8]] {
        var parts = [Array(recording.prefix(8))]
        var rest = recording.dropFirst(8)
        while rest.count >= 12 {
            let length = 12 + rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            guard rest.count >= length else { break }
            parts.append(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        return parts
    }

    private static func pump(from: Int32, to: Int32, note: @escaping @Sendable ([UInt8]) -> Void) {
        let thread = Thread {
            var chunk = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                let count = recv(from, &chunk, chunk.count, 0)
                guard count > 0 else { break }
                note(Array(chunk[..<count]))
                guard Foundation.send(to, chunk, count, Int32(MSG_NOSIGNAL)) == count else { break }
            }
            shutdown(from, Int32(SHUT_RDWR))
            shutdown(to, Int32(SHUT_RDWR))
        }
        thread.stackSize = 256 << 10
        thread.start()
    }
}
