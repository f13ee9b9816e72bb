// SPDX-License-Identifier: Apache-2.0
import CUnbound
import Glibc
import Synchronization

/// The one thread that speaks with libunbound.
///
/// SwiftNIO watches no descriptors of others, and some of the library's functions wait for a lock or for its own
/// thread; so none of them is called on an event loop. Questions come in through a box with a lock, answers go out in
/// batches, one hop for each.
final class UnboundThread: Sendable {
    private struct Inbox {
        var questions: [PostedQuestion] = []
        var withdrawn: [Int] = []
        var isStopping = false
        var isSignalled = false
    }

    private let inbox = Mutex(Inbox())
    private let starting: Mutex<UnboundWorker?>
    /// Readable while the inbox has something new.
    private let signal: Int32
    private let deliver: @Sendable ([PostedAnswer]) -> Void

    /// Starts the thread; `deliver` is called on it, never with nothing.
    init(_ settings: DNSSettings, deliver: @escaping @Sendable ([PostedAnswer]) -> Void) throws(DNSSettingsError) {
        starting = Mutex(try UnboundWorker(settings))
        self.deliver = deliver
        signal = cunbound_eventfd()
        guard signal >= 0 else { throw DNSSettingsError(description: "there are no more descriptors") }
        var thread = pthread_t()
        let own = Unmanaged.passRetained(self)
        let result = pthread_create(
            &thread,
            nil,
            { argument in
                if let argument { Unmanaged<UnboundThread>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            },
            own.toOpaque()
        )
        guard result == 0 else {
            own.release()
            throw DNSSettingsError(description: "there can be no more threads")
        }
        pthread_detach(thread)
    }

    deinit { if signal >= 0 { close(signal) } }

    func ask(_ question: PostedQuestion) { post { $0.questions.append(question) } }

    func withdraw(_ number: Int) { post { $0.withdrawn.append(number) } }

    /// Ends the thread soon; nothing is delivered any more after what is on its way.
    func stop() { post { $0.isStopping = true } }

    private func post(_ change: (inout Inbox) -> Void) {
        let mustSignal = inbox.withLock { inbox in
            change(&inbox)
            defer { inbox.isSignalled = true }
            return !inbox.isSignalled
        }
        var one: UInt64 = 1
        if mustSignal { _ = write(signal, &one, 8) }
    }

    private func run() {
        guard let worker = takeWorker() else { return }
        while true {
            var watched = [
                pollfd(fd: signal, events: Int16(POLLIN), revents: 0),
                pollfd(fd: worker.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            if poll(&watched, 2, -1) < 0 && errno != EINTR { return }
            // Emptied before the inbox is taken: what is posted in between signals again.
            var count: UInt64 = 0
            if watched[0].revents != 0 { _ = read(signal, &count, 8) }
            let box = inbox.withLock { inbox in
                defer { inbox = Inbox(isStopping: inbox.isStopping) }
                return inbox
            }
            if box.isStopping { return }
            for question in box.questions { worker.ask(question) }
            for number in box.withdrawn { worker.withdraw(number) }
            let answers = worker.collect(process: watched[1].revents != 0)
            if !answers.isEmpty { deliver(answers) }
        }
    }

    private func takeWorker() -> UnboundWorker? {
        starting.withLock { slot in
            let worker = slot
            slot = nil
            return worker
        }
    }
}
