// SPDX-License-Identifier: Apache-2.0
import Discovery
import EnvelopeModel
import IMXFront
import NIOCore
import NIOPosix

/// From a domain to places, as an aggregator finds them.
extension Probe {
    /// The places to try, in their order.
    func findPlaces() -> [Place] {
        guard plan.places.isEmpty else { return plan.places }
        var service: PeerService?
        step(
            "dns",
            "looked \(plan.domain) up as aggregators do",
            expecting: "an IMX or SRV record, or addresses",
            ""
        ) {
            do {
                let report = try lookUp()
                if case .service(let found) = report.resolution { service = found }
                return dnsFinding(report)
            } catch {
                return .wrong(
                    .ours,
                    "DNS cannot be asked: \(error)",
                    "see /etc/resolv.conf, or dns in the configuration"
                )
            }
        }
        guard let service else { return [] }
        var random = SystemRandomNumberGenerator()
        return service.attempts(using: &random).filter { isAllowed($0.address, $0.host.port) }.map { attempt in
            Place(
                endpoint: PeerEndpoint(host: attempt.address, port: attempt.host.port, usesTLS: attempt.host.usesTLS),
                host: attempt.host,
                security: service.security
            )
        }
    }

    private func lookUp() throws -> LookupReport {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.any()
        let (settings, domain) = (plan.dns, plan.domain)
        let promise = eventLoop.makePromise(of: LookupReport.self)
        let resolver = try eventLoop.submit {
            let resolver = try DNSResolver(settings, on: eventLoop)
            resolver.examine(domain) { promise.succeed($0) }
            return NIOLoopBound(resolver, eventLoop: eventLoop)
        }.wait()
        defer { eventLoop.execute { resolver.value.stop() } }
        return try promise.futureResult.wait()
    }

    private func dnsFinding(_ report: LookupReport) -> ProbeFinding {
        switch report.resolution {
        case .service(let service):
            let hosts = service.hosts.sorted { $0.preference < $1.preference }.map { host in
                "\(host.name) port \(host.port)\(host.usesTLS ? " with TLS" : "") (\(host.addresses.joined(separator: ", ")))"
            }
            let signed = service.security == .secure ? "signed" : "not signed"
            let got = "\(Probe.words(service.origin)), \(signed): \(hosts.joined(separator: "; "))"
            guard let refused = report.refused.first else { return .right(got) }
            return .note(
                "\(got); \(refused.name) cannot be used: \(refused.reason)",
                "see imx dns check \(plan.domain)"
            )
        case .notFound(let reason):
            return .wrong(.dns, reason, "its owner publishes the lines that imx dns record \(plan.domain) prints")
        case .unavailable(let reason):
            return .wrong(.dns, reason, "try again later; imx dns check \(plan.domain) tells more")
        case .bogus(let reason):
            return .wrong(.dns, reason, "the zone's signatures must be mended; imx dns check \(plan.domain) tells more")
        }
    }

    private static func words(_ origin: PeerService.Origin) -> String {
        switch origin {
        case .configured: "configured"
        case .imxRecord: "IMX record"
        case .srv: "SRV record at _imx._tcp"
        case .instantMessagingSRV: "SRV record of RFC 3861"
        case .address: "addresses alone"
        }
    }

    /// Whether aggregators connect to the address; where not, that is a step that went wrong.
    private func isAllowed(_ address: String, _ port: UInt16) -> Bool {
        guard let refusal = plan.policy.refusal(of: address, port: port) else { return true }
        return step("address", "judged \(address)", expecting: "a public address", "") {
            .wrong(
                .dns,
                refusal,
                "strangers' aggregators will not connect to it; publish a public address"
                    + " (here, dns allow-addresses in the configuration lets it pass)"
            )
        }
    }
}
