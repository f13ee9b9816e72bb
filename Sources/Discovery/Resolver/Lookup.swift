// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

/// What one question of a look-up brought.
package struct LookupStep: Sendable, Hashable {
    /// The question.
    package let question: DNSQuestion
    /// The answer.
    package let answer: DNSAnswer
}

/// A host that records name and that cannot be used.
package struct RefusedHost: Sendable, Hashable {
    /// How serious it is.
    package enum Kind: Sendable, Hashable { case useless, unavailable, bogus }

    /// Its name as the record has it.
    package let name: String
    /// Whether it is at fault, or the moment.
    package let kind: Kind
    /// Why, for people.
    package let reason: String

    /// Names a host that is refused.
    package init(name: String, kind: Kind, reason: String) {
        self.name = name
        self.kind = kind
        self.reason = reason
    }
}

/// What a look-up found, and how.
package struct LookupReport: Sendable {
    /// The result, whose expiry is not set yet.
    package var resolution: Resolution
    /// Seconds that it holds; nil for a failure.
    package var seconds: UInt32?
    /// The questions in the order of their answers.
    package var steps: [LookupStep]
    /// Hosts and records that were left out.
    package var refused: [RefusedHost]

    /// Makes a report.
    package init(resolution: Resolution, seconds: UInt32?, steps: [LookupStep], refused: [RefusedHost]) {
        self.resolution = resolution
        self.seconds = seconds
        self.steps = steps
        self.refused = refused
    }
}

/// One look-up of one domain: which questions are asked, in which order, and what their answers mean.
///
/// Documentation/IMX-DNS-Record.md §4. Confined to an event loop; it has no clock, and whoever runs it sets its end.
final class Lookup {
    /// A host before its addresses are known.
    struct Candidate: Hashable {
        var name: String
        var port: UInt16
        /// Nil where the record does not say.
        var usesTLS: Bool?
        var preference: UInt16
        var weight: UInt16
    }

    let domain: Domain
    let purpose: ServicePurpose
    let settings: DNSSettings
    private let source: any DNSSource
    private var completion: ((LookupReport) -> Void)?
    private var open: Set<Int> = []
    private(set) var steps: [LookupStep] = []

    var origin = PeerService.Origin.imxRecord
    /// Whether every answer so far was validated.
    var isSecure = true
    /// The least time that one of them holds.
    var seconds = UInt32.max
    var hosts: [HostLookup] = []
    var refused: [RefusedHost] = []

    init(
        _ domain: Domain,
        for purpose: ServicePurpose,
        _ source: any DNSSource,
        _ settings: DNSSettings,
        completion: @escaping (LookupReport) -> Void
    ) {
        self.domain = domain
        self.purpose = purpose
        self.source = source
        self.settings = settings
        self.completion = completion
    }

    /// Begins.
    func start() {
        if HostName.isNumeric(domain) {
            return finish(.notFound("\(domain) is a numeric address, and those are no domains"))
        }
        ask(domain.name, IMXRecord.type) { self.took($0, from: .imxRecord) }
    }

    /// Ends now with what is known.
    func expire() {
        guard completion != nil else { return }
        let limit = settings.limits.time.seconds
        for host in hosts where !host.isFinished {
            host.refuse(.unavailable, "its name servers gave no answer within \(limit) s")
        }
        guard hosts.isEmpty else { return conclude() }
        finish(.unavailable("the name servers of \(domain) gave no answer within \(limit) s"))
    }

    /// Asks, within the bound on questions; what is over it is answered as failed.
    func ask(_ name: String, _ type: UInt16, _ body: @escaping (DNSAnswer) -> Void) {
        let question = DNSQuestion(name: name, type: type)
        // RFC 1035 §2.3.4: a longer name cannot exist.
        guard name.utf8.count <= 253 else { return body(DNSAnswer(.noName, isSecure: true, seconds: .max)) }
        guard steps.count + open.count < settings.limits.questions else {
            return body(DNSAnswer(.failed("its records lead to too many questions")))
        }
        var number: Int?
        var isAnswered = false
        number = source.ask(question) { answer in
            isAnswered = true
            if let number { self.open.remove(number) }
            guard self.completion != nil else { return }
            self.steps.append(LookupStep(question: question, answer: answer))
            body(answer)
        }
        if let number, !isAnswered { open.insert(number) }
    }

    /// Ends with `resolution`.
    func finish(_ resolution: Resolution, holds: Bool = true) {
        guard let completion else { return }
        self.completion = nil
        for number in open { source.withdraw(number) }
        open = []
        completion(
            LookupReport(resolution: resolution, seconds: holds ? seconds : nil, steps: steps, refused: refused)
        )
    }

    /// Notes an answer on the way; true where the look-up can go on with it.
    private func isUsable(_ answer: DNSAnswer, _ name: String) -> Bool {
        switch answer.status {
        case .bogus(let reason):
            finish(.bogus("the answer about \(name) is forged or wrongly signed: \(reason)"), holds: false)
            return false
        case .failed(let reason):
            finish(.unavailable("\(name) cannot be looked up: \(reason)"), holds: false)
            return false
        case .data, .noData, .noName:
            isSecure = isSecure && answer.isSecure
            seconds = min(seconds, answer.seconds)
            return true
        }
    }

    /// Takes the answer of one kind of record, and asks for the next kind where there is none.
    private func took(_ answer: DNSAnswer, from origin: PeerService.Origin) {
        guard isUsable(answer, name(of: origin)) else { return }
        if answer.status == .data { return took(records: answer.records, from: origin) }
        switch origin {
        case .configured, .address: return
        case .imxRecord:
            // RFC 8020 §2: below a name that does not exist there is nothing.
            if answer.status == .noName { return finish(.notFound("there is no domain \(domain) in the DNS")) }
            ask(name(of: .srv), SRVRecord.type) { self.took($0, from: .srv) }
        case .srv:
            ask(name(of: .instantMessagingSRV), SRVRecord.type) { self.took($0, from: .instantMessagingSRV) }
        case .instantMessagingSRV:
            // RFC 3861 §3.1, IMX 4.2.3: the addresses of the domain, only where there is no record at all.
            self.origin = .address
            let candidate = Candidate(name: domain.name, port: settings.defaultPort, preference: 0, weight: 0)
            lookUp([candidate])
        }
    }

    private func name(of origin: PeerService.Origin) -> String {
        switch origin {
        case .configured, .imxRecord, .address: domain.name
        case .srv: "_imx._tcp.\(domain)"
        case .instantMessagingSRV: "\(purpose.label)._imx.\(domain)"
        }
    }

    private func took(records: [[UInt8]], from origin: PeerService.Origin) {
        self.origin = origin
        var candidates: Set<Candidate> = []
        var unreadable: String?
        var saysNone = false
        for rdata in records {
            do throws(RDataError) {
                if let candidate = try Lookup.read(rdata, origin) {
                    candidates.insert(candidate)
                } else {
                    saysNone = true
                }
            } catch {
                unreadable = error.description
                refuse("a record at \(self.name(of: origin))", .bogus, error.description)
            }
        }
        guard candidates.isEmpty else { return lookUp(Array(candidates)) }
        // RFC 2782: the root as the only target says that there is decidedly no service.
        if saysNone { return finish(.notFound("\(domain) says that it is not on the network (target \".\")")) }
        finish(.bogus("no record at \(name(of: origin)) can be used: \(unreadable ?? "there is none")"), holds: false)
    }

    /// The host that a record names; nil where it says that there is none.
    private static func read(_ rdata: [UInt8], _ origin: PeerService.Origin) throws(RDataError) -> Candidate? {
        if origin == .imxRecord {
            let record = try IMXRecord(rdata: rdata)
            guard let name = try HostName.of(target: record.target, port: record.port) else { return nil }
            return Candidate(
                name: name,
                port: record.port,
                usesTLS: record.usesTLS,
                preference: record.preference,
                weight: record.weight
            )
        }
        let record = try SRVRecord(rdata: rdata)
        guard let name = try HostName.of(target: record.target, port: record.port) else { return nil }
        return Candidate(name: name, port: record.port, preference: record.priority, weight: record.weight)
    }

    func refuse(_ name: String, _ kind: RefusedHost.Kind, _ reason: String) {
        // What is told is bounded too.
        guard refused.count < 64 else { return }
        refused.append(RefusedHost(name: name, kind: kind, reason: reason))
    }
}
