// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import Configuration
import Discovery
import EnvelopeModel
import Logging
import NIOCore
import Telemetry
import TransportSecurity

/// The parts of an aggregator that find and know its peers, as the configuration describes them.
enum PeerParts {
    /// What resolves names; nil where nobody is to be asked.
    static func resolver(_ configuration: AggregatorConfiguration, on eventLoop: any EventLoop) throws -> DNSResolver? {
        guard configuration.dns.resolver != "off" else { return nil }
        do {
            return try DNSResolver(DNSSettings(configuration.dns), on: eventLoop)
        } catch {
            throw CommandFailure("DNS cannot be asked: \(error)\n    see \"dns\" in \(configuration.file)")
        }
    }

    /// Which addresses the answers may lead to: no special ones, save those that are configured, and never to us.
    static func addressPolicy(_ configuration: AggregatorConfiguration) -> AddressPolicy {
        AddressPolicy(
            allowed: configuration.dns.allowedAddresses.compactMap { AddressRange($0) },
            listeners: configuration.listen.flatMap { listener in
                (addresses(of: listener) + [listener.host]).compactMap {
                    AddressPolicy.Listener(address: $0, port: listener.port)
                }
            }
        )
    }

    /// The addresses at which a listener is reached: all of this machine's where it is bound to all.
    static func addresses(of listener: Endpoint) -> [String] {
        guard listener.host == "0.0.0.0" || listener.host == "::" else { return [listener.host] }
        let devices = (try? System.enumerateDevices()) ?? []
        return devices.compactMap { $0.address?.ipAddress }.filter { listener.host == "::" || !$0.contains(":") }
    }

    /// What looks after the hosted domains' own records; nil where that is not wanted, or where nobody but this machine
    /// can reach it anyway.
    static func watch(
        _ configuration: AggregatorConfiguration,
        _ resolver: DNSResolver?,
        _ scheduler: EventLoopScheduler,
        on eventLoop: any EventLoop,
        _ logger: Logger
    ) -> RecordsWatch? {
        guard let resolver, configuration.dns.watch > .zero, isReached(configuration) else { return nil }
        return RecordsWatch(
            configuration.domains.map(\.domain),
            every: configuration.dns.watch,
            now: { scheduler.now },
            timer: { interval, body in
                let work = scheduler.schedule(after: interval, body)
                return { work.cancel() }
            },
            tell: { tell($0, logger) }
        ) { domain, completion in
            DNSFacts.gather(domain, configuration, by: resolver, on: eventLoop) { completion(DNSCheck($0).verdict()) }
        }
    }

    private static func tell(_ notice: RecordsWatch.Notice, _ logger: Logger) {
        switch notice {
        case .astray(let domain, let problems):
            logger.warning(
                "the records of a hosted domain do not lead here",
                metadata: [
                    "domain": "\(domain)", "problem": "\(problems.joined(separator: "; "))",
                    "remedy": "imx dns check \(domain)",
                ]
            )
        case .mended(let domain):
            logger.notice("the records of a hosted domain lead here again", metadata: ["domain": "\(domain)"])
        case .unknown(let domain, let reason):
            logger.debug(
                "the records of a hosted domain cannot be looked up now",
                metadata: ["domain": "\(domain)", "reason": "\(reason)"]
            )
        }
    }

    private static func isReached(_ configuration: AggregatorConfiguration) -> Bool {
        let policy = AddressPolicy(allowed: configuration.dns.allowedAddresses.compactMap { AddressRange($0) })
        return !configuration.dns.reachedAt.isEmpty
            || configuration.listen.contains { listener in
                let isLocal = listener.host.hasPrefix("127.") || listener.host == "::1"
                return !isLocal || policy.refusal(of: listener.host, port: listener.port) == nil
            }
    }

    /// What TLS needs. Reads the files.
    static func security(_ configuration: AggregatorConfiguration) -> TLSService {
        TLSService(
            reading: TLSSettings(
                directory: configuration.tls.certificates,
                extraRootFiles: configuration.tls.authorities,
                usesSystemRoots: configuration.tls.believesSystemAuthorities,
                handshakeTimeout: configuration.timeouts.handshake
            ),
            time: seconds
        )
    }

    /// Wall time in seconds since 1970.
    static var seconds: Int64 { WallTime.now.milliseconds / 1000 }

    /// What people should know about the certificates: what is wrong with the files, and which hosted domains have none
    /// though there is a port that speaks TLS.
    static func problems(_ security: TLSService, _ configuration: AggregatorConfiguration) -> [String] {
        var problems = security.inventory.problems.map(\.description) + security.roots.problems
        guard configuration.listen.contains(where: \.usesTLS) else { return problems }
        let directory = configuration.tls.certificates ?? ""
        for hosted in configuration.domains where security.inventory.entries[hosted.domain] == nil {
            problems.append(
                "\(hosted.domain) has no certificate, and peers that ask for it by TLS are turned away; "
                    + "put one into \(directory)/\(hosted.domain)/fullchain.pem and privkey.pem"
            )
        }
        return problems
    }
}
