// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

/// Somebody who goes on working beside an attack: one message a second from an aggregator of its own, each with its
/// outcome.
final class GoodPeer: Sendable {
    /// What became of its messages.
    struct Record: Sendable {
        var sent = 0
        /// Those that were not delivered, or not within the patience.
        var missed: [String] = []
        var slowest = 0.0
    }

    /// How long a message may take, in seconds, on a machine that has time.
    static let patience = 2.0
    /// How much longer it may take for each second that a message takes which the same aggregator delivers to one of its
    /// own users, at the same time: nobody attacks that one, and only the machine can make it slow.
    static let allowance = 10.0
    private let record = Mutex<Record>(Record())
    private let isOver = Mutex<Bool>(false)
    private let done = DispatchSemaphore(value: 0)

    /// Sends from `source` to `destination` through the control socket at `socket`, from now until ``stop()``.
    init(socket: String, from source: String, to destination: String) {
        Thread { [self] in
            var number = 0
            while !isOver.withLock({ $0 }) {
                let start = Date()
                number += 1
                send(number, socket, source, destination)
                let rest = 1 - Date().timeIntervalSince(start)
                if rest > 0 { Thread.sleep(forTimeInterval: rest) }
            }
            done.signal()
        }.start()
    }

    /// Ends, and tells what became of the messages.
    func stop() -> Record {
        isOver.withLock { $0 = true }
        _ = done.wait(timeout: .now() + 15)
        return record.withLock { $0 }
    }

    private func send(_ number: Int, _ socket: String, _ source: String, _ destination: String) {
        func write(to recipient: String) -> (answer: String, took: Double) {
            let start = Date()
            let line = #"{"send":{"from":"\#(source)","to":"\#(recipient)","text":"good \#(number)"}}"# + "\n"
            let answer = Self.ask(socket, line)
            return (answer, Date().timeIntervalSince(start))
        }
        let before = write(to: source).took
        let (answer, took) = write(to: destination)
        let home = took > Self.patience ? max(before, write(to: source).took) : before
        let isDelivered = answer.contains(#""code":2000"#) && took <= Self.patience + Self.allowance * home
        record.withLock {
            $0.sent += 1
            $0.slowest = max($0.slowest, took)
            if !isDelivered { $0.missed.append("\(number) after \(took) s (\(home) s at home): \(answer.prefix(300))") }
        }
    }

    /// One line to the socket, and the line that comes back.
    static func ask(_ path: String, _ line: String, within seconds: Int = 12) -> String {
        let descriptor = Foundation.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < 107 else { return "the path is too long" }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let isConnected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        guard isConnected else { return "nobody listens at the control socket" }
        let octets = Array(line.utf8)
        guard Foundation.send(descriptor, octets, octets.count, Int32(MSG_NOSIGNAL)) == octets.count else { return "" }
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while answer.last != 0x0A {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            guard count > 0 else { return "no answer" }
            answer += chunk[..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }
}
