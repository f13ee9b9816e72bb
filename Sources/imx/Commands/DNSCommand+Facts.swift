// SPDX-License-Identifier: Apache-2.0
import Configuration
import Discovery
import Dispatch
import EnvelopeModel
import NIOCore
import NIOPosix

/// What is known about a domain's records when they are judged.
struct DNSFacts {
    /// What of it is this aggregator's.
    struct Own {
        /// Whether the configuration hosts the domain.
        var isHosted: Bool
        /// Where it listens; a listener on all addresses stands here once for each.
        var places: [Endpoint]
        /// What the zone should have.
        var records: ZoneRecords
        /// What the certificate's TLSA record is.
        var tlsa: TLSARecord?
    }

    var domain: Domain
    var report: LookupReport
    /// Everything that was asked.
    var answers: [DNSQuestion: DNSAnswer]
    var policy = AddressPolicy()
    /// Nil where there is no configuration.
    var own: Own?

    static let caaType: UInt16 = 257
    /// A question whose answer is signed wherever signatures get through at all.
    static let root = DNSQuestion(name: ".", type: 2)

    /// Asks the DNS; takes at most some seconds.
    static func gather(_ domain: Domain, _ configuration: AggregatorConfiguration?) throws -> DNSFacts {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer { try? group.syncShutdownGracefully() }
        let asker: DNSAsker
        do {
            asker = try DNSAsker(configuration.map { DNSSettings($0.dns) } ?? DNSSettings(), group.next())
        } catch let error as DNSSettingsError {
            throw CommandFailure(error.description)
        }
        defer { asker.stop() }
        var facts = DNSFacts(try asker.examine(domain), about: domain, configuration)
        if let configuration {
            let isHosted = configuration.domains.contains { $0.domain == domain }
            facts.own = try own(domain, configuration, isHosted: isHosted)
        }
        for question in facts.further where facts.answers[question] == nil {
            facts.answers[question] = try asker.ask(question)
        }
        return facts
    }

    /// Asks on the event loop of a running aggregator, about a domain that it hosts. Who may issue certificates is not
    /// asked.
    static func gather(
        _ domain: Domain,
        _ configuration: AggregatorConfiguration,
        by resolver: DNSResolver,
        on eventLoop: any EventLoop,
        completion: @escaping (DNSFacts) -> Void
    ) {
        resolver.examine(domain) { report in
            let facts = DNSFacts(report, about: domain, configuration)
            let questions = facts.further.filter { $0.type != caaType && facts.answers[$0] == nil }
            facts.ask(questions[...], by: resolver) { facts in
                let bound = NIOLoopBound((facts, completion), eventLoop: eventLoop)
                // Files are read for it.
                files.async {
                    let own = try? own(domain, configuration, isHosted: true)
                    eventLoop.execute {
                        var (facts, completion) = bound.value
                        facts.own = own
                        completion(facts)
                    }
                }
            }
        }
    }

    private static let files = DispatchQueue(label: "imx.records", qos: .utility)

    /// Asks one question after the other.
    private func ask(
        _ questions: ArraySlice<DNSQuestion>,
        by resolver: DNSResolver,
        completion: @escaping (DNSFacts) -> Void
    ) {
        guard let question = questions.first else { return completion(self) }
        resolver.ask(question) { answer in
            var facts = self
            facts.answers[question] = answer
            facts.ask(questions.dropFirst(), by: resolver, completion: completion)
        }
    }

    /// What finding the service did not need.
    private var further: [DNSQuestion] {
        var questions = [DNSQuestion(name: "_imx._tcp.\(domain)", type: SRVRecord.type)]
        if case .bogus = report.resolution { questions.append(DNSFacts.root) }
        if case .service(let service) = report.resolution {
            questions += service.hosts.prefix(16).map(DNSFacts.tlsaQuestion)
            if service.hosts.contains(where: \.usesTLS) {
                questions += DNSFacts.parents(domain).map { DNSQuestion(name: $0, type: DNSFacts.caaType) }
            }
        }
        return questions
    }

    static func tlsaQuestion(_ host: PeerService.Host) -> DNSQuestion {
        DNSQuestion(name: "_\(host.port)._tcp.\(host.name)", type: TLSARecord.type)
    }

    /// The domain and those above it, where a CAA record counts (RFC 8659 §3); top-level domains are left out.
    static func parents(_ domain: Domain) -> [String] {
        let labels = domain.name.split(separator: ".")
        guard labels.count > 1 else { return [domain.name] }
        return (0..<min(labels.count - 1, 8)).map { labels[$0...].joined(separator: ".") }
    }

    private static func own(
        _ domain: Domain,
        _ configuration: AggregatorConfiguration,
        isHosted: Bool
    ) throws -> Own {
        let records = ZoneRecords(domain: domain, configuration: configuration)
        return Own(
            isHosted: isHosted,
            places: configuration.dns.reachedAt
                + configuration.listen.flatMap { listener in
                    PeerParts.addresses(of: listener).map {
                        Endpoint(host: $0, port: listener.port, usesTLS: listener.usesTLS)
                    }
                },
            records: records,
            tlsa: try records.certificate.map(ZoneRecords.tlsa(ofCertificate:))
        )
    }
}

extension DNSFacts {
    /// What was found, and whose it is to be judged by.
    fileprivate init(_ report: LookupReport, about domain: Domain, _ configuration: AggregatorConfiguration?) {
        self.init(domain: domain, report: report, answers: [:])
        for step in report.steps { answers[step.question] = step.answer }
        let allowed = configuration?.dns.allowedAddresses ?? []
        policy = AddressPolicy(allowed: allowed.compactMap { AddressRange($0) })
    }
}

/// A resolver that a command waits for.
struct DNSAsker {
    private let eventLoop: any EventLoop
    private let resolver: NIOLoopBound<DNSResolver>

    init(_ settings: DNSSettings, _ eventLoop: any EventLoop) throws {
        self.eventLoop = eventLoop
        resolver = try eventLoop.submit {
            NIOLoopBound(try DNSResolver(settings, on: eventLoop), eventLoop: eventLoop)
        }.wait()
    }

    func examine(_ domain: Domain) throws -> LookupReport {
        let promise = eventLoop.makePromise(of: LookupReport.self)
        let resolver = resolver
        eventLoop.execute { resolver.value.examine(domain) { promise.succeed($0) } }
        return try promise.futureResult.wait()
    }

    func ask(_ question: DNSQuestion) throws -> DNSAnswer {
        let promise = eventLoop.makePromise(of: DNSAnswer.self)
        let resolver = resolver
        eventLoop.execute { resolver.value.ask(question) { promise.succeed($0) } }
        return try promise.futureResult.wait()
    }

    func stop() {
        let resolver = resolver
        try? eventLoop.submit { resolver.value.stop() }.wait()
    }
}
