// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Glibc
import IMXFront
import Telemetry
import TransportSecurity

/// TCP, and TLS where the place speaks it.
extension Probe {
    /// Connects to the present place; nil where that does not succeed.
    func connect() -> ProbeStream? {
        guard let place else { return nil }
        let stream = ProbeStream()
        var result = Result<ConnectionSecurity?, ProbeStream.Failure>.failure(.silence)
        let isConnected = step(
            "connect",
            "opened a TCP connection to \(place.endpoint)",
            expecting: "a connection within \(Int(plan.connectTimeout.seconds)) s",
            "2.1"
        ) {
            do throws(ProbeStream.Failure) {
                result = .success(try dial(stream))
            } catch {
                result = .failure(error)
                if !place.endpoint.usesTLS || Probe.isBelowTLS(error) { return Probe.unreachable(error) }
            }
            return .right("connected")
        }
        guard isConnected else { return nil }
        guard place.endpoint.usesTLS else {
            judgeTrust(.dialback)
            return stream
        }
        guard let security = shakeHands(result) else { return nil }
        judgeTrust(judgeCertificate(security, at: place))
        return stream
    }

    /// Connects to the present place.
    func dial(_ stream: ProbeStream) throws(ProbeStream.Failure) -> ConnectionSecurity? {
        guard let place else { throw .ended("no place was reached") }
        return try stream.connect(
            to: place.endpoint,
            serverName: plan.domain,
            security: plan.tls,
            timeout: plan.connectTimeout
        )
    }

    private func shakeHands(_ result: Result<ConnectionSecurity?, ProbeStream.Failure>) -> ConnectionSecurity? {
        var established: ConnectionSecurity?
        step(
            "tls",
            "asked for \(plan.domain) by SNI and for imx/1 by ALPN",
            expecting: "TLS 1.2 or newer with imx/1",
            "2.1"
        ) {
            switch result {
            case .failure(let failure): return Probe.tlsFailure(failure)
            case .success(nil): return .wrong(.ours, "a connection without TLS", "report this to whoever makes imx")
            case .success(.some(let security)):
                established = security
                return .right("\(security.version), \(security.applicationProtocol ?? "no protocol") by ALPN")
            }
        }
        return established
    }

    /// Whether the connection failed before TLS had its turn.
    private static func isBelowTLS(_ failure: ProbeStream.Failure) -> Bool {
        guard case .ended(let reason) = failure else { return true }
        let errors = [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, EADDRNOTAVAIL, EACCES]
        return errors.contains { reason == String(cString: strerror($0)) } || reason.hasSuffix("was not found")
            || reason == "no answer to the connection attempt in time"
    }

    private static func tlsFailure(_ failure: ProbeStream.Failure) -> ProbeFinding {
        guard case .ended(let reason) = failure else {
            return .wrong(.theirs, "nothing", "something listens there and waits; it may speak no TLS")
        }
        let remedies = [
            ("no TLS is spoken", "the port speaks no TLS: leave --tls out, or correct the TLS flag of the DNS record"),
            ("ALPN", "the port speaks TLS for another service; correct the port, or the record that names it"),
            ("no certificate for the name", "give the service a certificate for the domain"),
            ("not over in time", "something listens there and waits; it may speak no TLS"),
            (
                "during the TLS handshake",
                "the port may speak no TLS: see the record that names it; else the service's log"
            ),
        ]
        let remedy = remedies.first { reason.contains($0.0) }?.1
        return .wrong(.theirs, reason, remedy ?? "look at the service's log for its side of the handshake")
    }

    /// What a connection that never came to be means.
    static func unreachable(_ failure: ProbeStream.Failure) -> ProbeFinding {
        let dropped = "a firewall may drop the packets, or the host is down"
        guard case .ended(let reason) = failure else { return .wrong(.network, "no answer in time", dropped) }
        switch reason {
        case String(cString: strerror(ECONNREFUSED)):
            return .wrong(
                .theirs,
                reason,
                "the host is there and nothing listens at the port: is the aggregator running, and is this its port?"
            )
        case _ where reason.hasSuffix("was not found"):
            return .wrong(.dns, reason, "the name has no address; correct it, or the record that leads to it")
        case _ where reason.hasSuffix("in time"): return .wrong(.network, reason, dropped)
        default: return .wrong(.network, reason, "see whether this machine has a route to the address")
        }
    }
}
