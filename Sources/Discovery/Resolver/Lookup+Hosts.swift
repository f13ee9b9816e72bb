// SPDX-License-Identifier: Apache-2.0

extension Lookup {
    /// Looks the addresses of the hosts up, of the first ones where there are too many.
    func lookUp(_ candidates: [Candidate]) {
        // Shuffled, so that among equals those left out differ from time to time.
        let sorted = candidates.shuffled().sorted { $0.preference < $1.preference }
        for candidate in sorted.dropFirst(settings.limits.hosts) {
            refuse(candidate.name, .useless, "there are more than \(settings.limits.hosts) hosts")
        }
        hosts = sorted.prefix(settings.limits.hosts).map { HostLookup($0, self) }
        // All exist before the first begins: a source may answer at once.
        for host in hosts { host.start() }
    }

    /// Ends where every host is done.
    func hostFinished() {
        if hosts.allSatisfy(\.isFinished) { conclude() }
    }

    func conclude() {
        var found: [PeerService.Host] = []
        var failures: [RefusedHost] = []
        for host in hosts {
            switch host.result {
            case .host(let usable):
                found.append(usable)
                isSecure = isSecure && host.isSecure
                seconds = min(seconds, host.seconds)
            case .refused(let refusal):
                failures.append(refusal)
                refuse(refusal.name, refusal.kind, refusal.reason)
                if refusal.kind == .useless { seconds = min(seconds, host.seconds) }
            case nil: break
            }
        }
        guard found.isEmpty else {
            // A host that failed is asked for again soon.
            if failures.contains(where: { $0.kind != .useless }) { seconds = min(seconds, 60) }
            let security: PeerService.Security = isSecure ? .secure : .insecure
            return finish(.service(PeerService(hosts: found, origin: origin, security: security)))
        }
        concludeEmpty(failures)
    }

    private func concludeEmpty(_ failures: [RefusedHost]) {
        let told = failures.prefix(3).map { "\($0.name): \($0.reason)" }.joined(separator: "; ")
        if failures.contains(where: { $0.kind == .unavailable }) { return finish(.unavailable(told), holds: false) }
        if failures.contains(where: { $0.kind == .bogus }) { return finish(.bogus(told), holds: false) }
        guard origin == .address else { return finish(.notFound("no host of \(domain) can be used: \(told)")) }
        finish(.notFound("\(domain) has neither an IMX nor an SRV record, nor an address"))
    }
}

/// The look-up of one host's addresses and of what certificate it shows.
final class HostLookup {
    enum Result {
        case host(PeerService.Host)
        case refused(RefusedHost)
    }

    private let candidate: Lookup.Candidate
    private unowned let lookup: Lookup
    private var addresses: [UInt16: [String]] = [:]
    private var waiting: Set<UInt16> = [NumericAddress.typeA, NumericAddress.typeAAAA]
    private var failure: String?
    private(set) var isSecure = true
    private(set) var seconds = UInt32.max
    private(set) var result: Result?

    init(_ candidate: Lookup.Candidate, _ lookup: Lookup) {
        self.candidate = candidate
        self.lookup = lookup
    }

    var isFinished: Bool { result != nil }

    func start() {
        for type in [NumericAddress.typeAAAA, NumericAddress.typeA] where !isFinished {
            lookup.ask(candidate.name, type) { self.took($0, type) }
        }
    }

    func refuse(_ kind: RefusedHost.Kind, _ reason: String) {
        guard result == nil else { return }
        result = .refused(RefusedHost(name: candidate.name, kind: kind, reason: reason))
    }

    private func end(_ kind: RefusedHost.Kind, _ reason: String) {
        refuse(kind, reason)
        lookup.hostFinished()
    }

    private func took(_ answer: DNSAnswer, _ type: UInt16) {
        guard result == nil else { return }
        waiting.remove(type)
        switch answer.status {
        case .bogus(let reason):
            return end(.bogus, "the answer about its addresses is forged or wrongly signed: \(reason)")
        case .failed(let reason): failure = reason
        case .data, .noData, .noName:
            isSecure = isSecure && answer.isSecure
            seconds = min(seconds, answer.seconds)
            // RFC 2782: the target of a record must not be an alias. The domain itself may be one.
            if let alias = answer.alias, lookup.origin != .address {
                return end(.useless, "it is an alias of \(alias), and records must not lead to aliases")
            }
            let size = type == NumericAddress.typeA ? 4 : 16
            let found = answer.records.filter { $0.count == size }.compactMap {
                NumericAddress(octets: $0)?.description
            }
            addresses[type] = Array(found.prefix(lookup.settings.limits.addresses))
        }
        if waiting.isEmpty { tookAll() }
    }

    private func tookAll() {
        guard addresses.values.contains(where: { !$0.isEmpty }) else {
            return failure.map { end(.unavailable, $0) } ?? end(.useless, "it has no address")
        }
        if failure != nil {
            // One family will do; the other is asked for again soon.
            seconds = min(seconds, 60)
        }
        // RFC 7673 §3: certificates are looked up only where signatures cover the way there.
        guard candidate.usesTLS != false, isSecure, failure == nil, lookup.isSecure else { return succeed(nil) }
        lookup.ask("_\(candidate.port)._tcp.\(candidate.name)", TLSARecord.type) { self.took(certificates: $0) }
    }

    private func took(certificates answer: DNSAnswer) {
        guard result == nil else { return }
        switch answer.status {
        case .bogus(let reason): end(.bogus, "the answer about its certificate is forged or wrongly signed: \(reason)")
        // RFC 7672 §2.1.2: a look-up that fails may hide a record, so the host cannot be used.
        case .failed(let reason): end(.unavailable, "the answer about its certificate is missing: \(reason)")
        case .noData, .noName:
            seconds = min(seconds, answer.seconds)
            succeed(nil)
        case .data:
            seconds = min(seconds, answer.seconds)
            guard answer.isSecure else { return succeed(nil) }
            var readable: [TLSARecord] = []
            for rdata in answer.records.prefix(16) {
                if let record = try? TLSARecord(rdata: rdata), record.hasMeaning { readable.append(record) }
            }
            succeed(readable)
        }
    }

    private func succeed(_ certificates: [TLSARecord]?) {
        result = .host(
            PeerService.Host(
                name: candidate.name,
                addresses: (addresses[NumericAddress.typeAAAA] ?? []) + (addresses[NumericAddress.typeA] ?? []),
                port: candidate.port,
                // RFC 7673 §3: a validated TLSA record says that the port speaks TLS where the record does not.
                usesTLS: candidate.usesTLS ?? (certificates != nil),
                preference: candidate.preference,
                weight: candidate.weight,
                tlsa: certificates ?? []
            )
        )
        lookup.hostFinished()
    }
}

extension TLSARecord {
    /// Whether its numbers have a meaning (RFC 6698 §2.1).
    var hasMeaning: Bool { usage <= 3 && selector <= 1 && matching <= 2 }
}
