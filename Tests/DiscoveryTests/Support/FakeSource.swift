// SPDX-License-Identifier: Apache-2.0
import Discovery
import EnvelopeModel

/// A DNS of a test's own making.
final class FakeSource: DNSSource {
    var answers: [DNSQuestion: DNSAnswer] = [:]
    /// What was asked, in order.
    private(set) var asked: [DNSQuestion] = []
    /// Whether questions wait until ``release()``.
    var holds = false
    /// Names about which they wait in any case.
    var heldNames: Set<String> = []
    private var held: [(number: Int, question: DNSQuestion, completion: (DNSAnswer) -> Void)] = []
    private(set) var withdrawn = 0

    func ask(_ question: DNSQuestion, _ completion: @escaping (DNSAnswer) -> Void) -> Int {
        asked.append(question)
        if holds || heldNames.contains(question.name) {
            held.append((asked.count, question, completion))
        } else {
            completion(answer(question))
        }
        return asked.count
    }

    func withdraw(_ number: Int) {
        withdrawn += held.filter { $0.number == number }.count
        held.removeAll { $0.number == number }
    }

    func stop() {}

    /// Answers what waits; questions that follow are answered at once.
    func release() {
        holds = false
        let waiting = held
        held = []
        for entry in waiting { entry.completion(answer(entry.question)) }
    }

    private func answer(_ question: DNSQuestion) -> DNSAnswer {
        answers[question] ?? DNSAnswer(.noData, isSecure: true, seconds: 60)
    }

    /// Says what the DNS has at a name.
    func put(_ name: String, _ type: UInt16, _ records: [[UInt8]], isSecure: Bool = true, seconds: UInt32 = 60) {
        answers[DNSQuestion(name: name, type: type)] =
            DNSAnswer(.data, records: records, isSecure: isSecure, seconds: seconds)
    }

    /// Says that the DNS answers otherwise.
    func put(_ name: String, _ type: UInt16, _ status: DNSAnswer.Status, isSecure: Bool = true, seconds: UInt32 = 60) {
        answers[DNSQuestion(name: name, type: type)] = DNSAnswer(status, isSecure: isSecure, seconds: seconds)
    }

    /// A domain with one IMX record and one address.
    func serve(_ domain: String, tls: Bool = false, seconds: UInt32 = 60) throws {
        let record = try IMXRecord(text: "10 0 5290 \(tls ? "TLS" : "-") h.\(domain).")
        put(domain, IMXRecord.type, [record.rdata], seconds: seconds)
        put("h.\(domain)", NumericAddress.typeA, [[192, 0, 2, 1]], seconds: seconds)
    }
}

/// A resolver over a ``FakeSource``, with a clock that a test moves.
final class FakeBed {
    private final class Clock {
        var now = Instant(nanoseconds: 1_000_000_000_000)
        var timers: [Int: (due: Instant, body: () -> Void)] = [:]
        var last = 0

        func schedule(_ interval: Interval, _ body: @escaping () -> Void) -> () -> Void {
            last += 1
            let number = last
            timers[number] = (now + interval, body)
            return { self.timers[number] = nil }
        }
    }

    let source = FakeSource()
    let resolver: DNSResolver
    private let clock = Clock()

    init(_ change: (inout DNSSettings.Limits) -> Void = { _ in }) {
        var settings = DNSSettings()
        change(&settings.limits)
        resolver = DNSResolver(settings, source: source, now: { [clock] in clock.now }) { [clock] in
            clock.schedule($0, $1)
        }
    }

    var now: Instant { clock.now }
    /// How many timers run.
    var timers: Int { clock.timers.count }

    func wait(_ seconds: Int) {
        clock.now = clock.now + .seconds(seconds)
        for (number, timer) in clock.timers.sorted(by: { $0.key < $1.key }) where timer.due <= clock.now {
            clock.timers[number] = nil
            timer.body()
        }
    }

    /// The answer where it comes at once.
    func resolve(_ name: String, for purpose: ServicePurpose = .messages) -> Resolution? {
        guard let domain = Domain(name) else { return nil }
        var found: Resolution?
        resolver.resolve(domain, for: purpose) { found = $0 }
        return found
    }

    func service(_ name: String, for purpose: ServicePurpose = .messages) -> PeerService? {
        guard case .service(let service) = resolve(name, for: purpose) else { return nil }
        return service
    }
}

extension Resolution {
    /// The kind of answer and its reason.
    var text: String {
        switch self {
        case .service(let service): "service \(service.hosts.map(\.name).sorted().joined(separator: " "))"
        case .notFound(let reason): "not found: \(reason)"
        case .unavailable(let reason): "unavailable: \(reason)"
        case .bogus(let reason): "bogus: \(reason)"
        }
    }
}
