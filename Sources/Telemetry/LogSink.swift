// SPDX-License-Identifier: Apache-2.0
import Dispatch
import Glibc
import Synchronization

/// Where log lines go: gathered in memory and written to a descriptor by a thread of its own, so that a slow terminal
/// or a full pipe never stops the event loop. What does not fit is dropped and counted in a line of its own.
public final class LogSink: Sendable {
    private struct State {
        var pending: [UInt8] = []
        var dropped = 0
        var isDraining = false
    }

    private let descriptor: Int32
    private let limit: Int
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "imx.log")

    /// Makes a sink that writes to `descriptor` and holds at most `limit` octets that are not written yet.
    public init(descriptor: Int32 = 2, limit: Int = 1 << 20) {
        self.descriptor = descriptor
        self.limit = limit
    }

    /// Takes a line that ends with a line feed. Never waits.
    public func write(_ line: [UInt8]) {
        let mustDrain = state.withLock { state in
            guard state.pending.count + line.count <= limit else {
                state.dropped += 1
                return false
            }
            state.pending += line
            defer { state.isDraining = true }
            return !state.isDraining
        }
        // Dispatch, and no task: a write to a descriptor may block its thread, which the cooperative pool forbids.
        if mustDrain { queue.async { self.drain() } }
    }

    /// Waits until everything that was taken is written.
    public func flush() { queue.sync { drain() } }

    private func drain() {
        while true {
            let (octets, dropped) = state.withLock { state in
                let taken = (state.pending, state.dropped)
                state.pending = []
                state.dropped = 0
                state.isDraining = !taken.0.isEmpty || taken.1 > 0
                return taken
            }
            if octets.isEmpty && dropped == 0 { return }
            writeAll(octets)
            if dropped > 0 { writeAll(Array("\(dropped) log lines were dropped because nobody read them\n".utf8)) }
        }
    }

    private func writeAll(_ octets: [UInt8]) {
        octets.withUnsafeBytes { bytes in
            var start = 0
            while start < bytes.count {
                let count = Glibc.write(descriptor, bytes.baseAddress?.advanced(by: start), bytes.count - start)
                if count < 0 && errno == EINTR { continue }
                if count < 0 && errno == EAGAIN {
                    var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&ready, 1, 1000)
                    continue
                }
                if count <= 0 { return }  // nobody is there to read; the log must not end the process
                start += count
            }
        }
    }
}
