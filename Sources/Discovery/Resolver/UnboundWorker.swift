// SPDX-License-Identifier: Apache-2.0
import CUnbound
import Glibc

/// A question on its way to the library's thread.
struct PostedQuestion: Sendable {
    let number: Int
    let question: DNSQuestion
}

/// An answer on its way back.
struct PostedAnswer: Sendable {
    let number: Int
    let answer: DNSAnswer
}

/// What is called of libunbound, all on one thread.
final class UnboundWorker {
    /// What the library holds for us while a question is open.
    private final class Ticket {
        let number: Int
        unowned let worker: UnboundWorker

        init(_ number: Int, _ worker: UnboundWorker) {
            self.number = number
            self.worker = worker
        }
    }

    private let context: OpaquePointer
    private let limits: DNSSettings.Limits
    private var open: [Int: (identifier: Int32, ticket: Unmanaged<Ticket>)] = [:]
    private var answers: [PostedAnswer] = []

    init(_ settings: DNSSettings) throws(DNSSettingsError) {
        context = try UnboundContext.make(settings)
        limits = settings.limits
    }

    deinit {
        ub_ctx_delete(context)
        for entry in open.values { entry.ticket.release() }
    }

    /// Readable where answers have come.
    var descriptor: Int32 { ub_fd(context) }

    func ask(_ posted: PostedQuestion) {
        let ticket = Unmanaged.passRetained(Ticket(posted.number, self))
        var identifier: Int32 = 0
        let result = ub_resolve_async(
            context,
            posted.question.name,
            Int32(posted.question.type),
            1,
            ticket.toOpaque(),
            { data, error, result in
                guard let data else { return ub_resolve_free(result) }
                let ticket = Unmanaged<Ticket>.fromOpaque(data).takeRetainedValue()
                ticket.worker.answered(ticket.number, error, result)
            },
            &identifier
        )
        guard result == 0 else {
            ticket.release()
            answers.append(PostedAnswer(number: posted.number, answer: DNSAnswer(.failed(UnboundWorker.text(result)))))
            return
        }
        open[posted.number] = (identifier, ticket)
    }

    func withdraw(_ number: Int) {
        guard let entry = open.removeValue(forKey: number) else { return }
        // Its callback is not called any more.
        if ub_cancel(context, entry.identifier) == 0 { entry.ticket.release() }
    }

    /// Takes in what has come, and gives all answers since the last time.
    func collect(process: Bool) -> [PostedAnswer] {
        if process { ub_process(context) }
        defer { answers = [] }
        return answers
    }

    private func answered(_ number: Int, _ error: Int32, _ result: UnsafeMutablePointer<ub_result>?) {
        defer { ub_resolve_free(result) }
        guard open.removeValue(forKey: number) != nil else { return }
        guard error == 0, let result else {
            answers.append(PostedAnswer(number: number, answer: DNSAnswer(.failed(UnboundWorker.text(error)))))
            return
        }
        answers.append(PostedAnswer(number: number, answer: answer(result.pointee)))
    }

    private func answer(_ result: ub_result) -> DNSAnswer {
        // The library hands the data of a bogus answer out too: this comes first.
        if result.bogus != 0 {
            return DNSAnswer(.bogus(result.why_bogus.map { String(cString: $0) } ?? "a signature does not hold"))
        }
        // The library bounds the messages that it follows aliases over, not the aliases in one message.
        let message = UnsafeRawBufferPointer(start: result.answer_packet, count: max(0, Int(result.answer_len)))
        if AnswerMessage.aliases(message) > limits.aliases {
            return DNSAnswer(.failed("its name is an alias of an alias, over \(limits.aliases) in a row"))
        }
        var answer = DNSAnswer(.noData, isSecure: result.secure != 0, seconds: UInt32(clamping: result.ttl))
        if let name = result.canonname, let asked = result.qname {
            let canonical = DNSName(String(cString: name))
            if canonical?.folded != DNSName(String(cString: asked))?.folded { answer.alias = canonical?.description }
        }
        switch result.rcode {
        case 0 where result.havedata != 0:
            answer.status = .data
            answer.records = records(result)
        case 0 where result.nxdomain == 0: answer.status = .noData
        case 0, 3: answer.status = .noName
        case 2: return DNSAnswer(.failed("its name servers do not answer, or answer that they cannot (SERVFAIL)"))
        case 5: return DNSAnswer(.failed("its name servers refuse to answer (REFUSED)"))
        default: return DNSAnswer(.failed("its name servers answer with the error \(result.rcode)"))
        }
        return answer
    }

    private func records(_ result: ub_result) -> [[UInt8]] {
        guard let data = result.data, let lengths = result.len else { return [] }
        var records: [[UInt8]] = []
        while records.count < limits.recordsPerAnswer, let record = data[records.count] {
            let length = max(0, Int(lengths[records.count]))
            records.append(Array(UnsafeRawBufferPointer(start: record, count: length)))
        }
        return records
    }

    private static func text(_ error: Int32) -> String {
        "the resolver fails: " + (ub_strerror(error).map { String(cString: $0) } ?? "error \(error)")
    }
}
