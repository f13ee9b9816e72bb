// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

/// Somebody who writes one message after the other without a rest, each with its outcome.
final class Writer: Sendable {
    /// What became of the messages.
    struct Record: Sendable {
        var sent = 0
        /// Those that were not delivered.
        var missed: [String] = []
    }

    private let record = Mutex<Record>(Record())
    private let isOver = Mutex<Bool>(false)
    private let done = DispatchSemaphore(value: 0)

    /// Writes from `source` to `destination` at `process`, from now until ``stop()``.
    init(_ process: AggregatorProcess, from source: String, to destination: String) {
        let socket = process.controlSocket
        Thread { [self] in
            while !isOver.withLock({ $0 }) {
                let line = #"{"send":{"from":"\#(source)","to":"\#(destination)","text":"and so on"}}"# + "\n"
                let answer = GoodPeer.ask(socket, line, within: 90)
                record.withLock {
                    $0.sent += 1
                    if !answer.contains(#""code":2000"#) { $0.missed.append("\($0.sent): \(answer.prefix(300))") }
                }
                Thread.sleep(forTimeInterval: 0.005)
            }
            done.signal()
        }.start()
    }

    /// How many messages have their outcome.
    var count: Int { record.withLock(\.sent) }

    /// Ends, and tells what became of the messages.
    func stop() -> Record {
        isOver.withLock { $0 = true }
        _ = done.wait(timeout: .now() + 100)
        return record.withLock { $0 }
    }
}
