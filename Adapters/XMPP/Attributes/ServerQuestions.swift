// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel

import struct NIOCore.ByteBuffer

/// What the tenant's server, or a user's client, can be asked about a user here.
enum ServerQuestion: Hashable {
    /// The user's card (XEP-0054).
    case card(Address)
    /// What the client at a resource can do (XEP-0030).
    case features(Address, ByteBuffer)
}

/// What came of a question.
enum ServerAnswer {
    case card(VCard)
    /// The names of features, in order, separated by spaces.
    case features(String)
    /// There is no such thing.
    case nothing
    /// Nobody answered in time.
    case silence
}

/// Questions to the server that have not been answered, and the answers that are still good. Bounded.
struct ServerQuestions {
    typealias Waiter = (ServerAnswer) -> Void

    private struct Open {
        var question: ServerQuestion
        var waiters: [Waiter]
    }

    /// The most questions that wait, and who wait for one of them.
    private static let limit = 1_024
    private static let waiterLimit = 64
    /// How long an answer is good, and how long it counts that there is none.
    private static let goodFor = Interval.seconds(3_600)
    private static let nothingFor = Interval.seconds(300)

    private var open: [UInt64: Open] = [:]
    private var numbers: [ServerQuestion: UInt64] = [:]
    private var known = Recent<(answer: ServerAnswer, until: Instant)>(limit: 4_096)
    private var next: UInt64 = 1

    /// How many questions wait.
    var count: Int { open.count }

    /// What is to be done about a question.
    enum Step {
        /// This is the answer. Whoever put the question is told by whom it put it to, not from within.
        case done(ServerAnswer)
        /// The same question is out already.
        case waits
        /// It is to be written, under this number.
        case ask(UInt64)
    }

    /// Puts a question; where it is not done, `waiter` is called once. Where there is no link nothing can be asked, but
    /// what is known still holds.
    mutating func put(_ question: ServerQuestion, now: Instant, hasLink: Bool, _ waiter: @escaping Waiter) -> Step {
        if let (answer, until) = known[question.hashValue], until > now { return .done(answer) }
        guard hasLink else { return .done(.silence) }
        if let number = numbers[question] {
            guard open[number]?.waiters.count ?? 0 < Self.waiterLimit else { return .done(.silence) }
            open[number]?.waiters.append(waiter)
            return .waits
        }
        guard open.count < Self.limit else { return .done(.silence) }
        let number = next
        next += 1
        open[number] = Open(question: question, waiters: [waiter])
        numbers[question] = number
        return .ask(number)
    }

    /// What was asked under a number; nil where nothing was, or it has been answered.
    func question(_ number: UInt64) -> ServerQuestion? { open[number]?.question }

    /// Ends a question, and returns who waits for its answer.
    mutating func end(_ number: UInt64, _ answer: ServerAnswer, now: Instant) -> [Waiter] {
        guard let ended = open.removeValue(forKey: number) else { return [] }
        numbers[ended.question] = nil
        switch answer {
        case .card, .features: known[ended.question.hashValue] = (answer, now + Self.goodFor)
        case .nothing: known[ended.question.hashValue] = (answer, now + Self.nothingFor)
        case .silence: break
        }
        return ended.waiters
    }

    /// Ends all questions: nobody will answer them.
    mutating func endAll() -> [Waiter] {
        defer {
            open.removeAll()
            numbers.removeAll()
        }
        return open.values.flatMap(\.waiters)
    }
}
