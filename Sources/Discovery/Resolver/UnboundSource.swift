// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// Asks through libunbound, which follows referrals and aliases and validates. Confined to one event loop.
package final class UnboundSource: DNSSource {
    private var thread: UnboundThread?
    private var open: [Int: (DNSAnswer) -> Void] = [:]
    private var lastNumber = 0

    /// Starts the library with `settings`; answers come on `eventLoop`, where this must be called too.
    ///
    /// It runs until ``stop()``.
    package init(_ settings: DNSSettings, on eventLoop: any EventLoop) throws(DNSSettingsError) {
        let own = NIOLoopBound(self, eventLoop: eventLoop)
        thread = try UnboundThread(settings) { answers in
            eventLoop.execute { own.value.answered(answers) }
        }
    }

    package func ask(_ question: DNSQuestion, _ completion: @escaping (DNSAnswer) -> Void) -> Int {
        lastNumber &+= 1
        guard let thread else {
            completion(DNSAnswer(.failed("the resolver is stopped")))
            return lastNumber
        }
        open[lastNumber] = completion
        thread.ask(PostedQuestion(number: lastNumber, question: question))
        return lastNumber
    }

    package func withdraw(_ number: Int) {
        if open.removeValue(forKey: number) != nil { thread?.withdraw(number) }
    }

    package func stop() {
        thread?.stop()
        thread = nil
        let completions = open.sorted { $0.key < $1.key }.map(\.value)
        open = [:]
        for completion in completions { completion(DNSAnswer(.failed("the resolver is stopped"))) }
    }

    private func answered(_ answers: [PostedAnswer]) {
        for posted in answers { open.removeValue(forKey: posted.number)?(posted.answer) }
    }
}
