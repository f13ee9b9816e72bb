// SPDX-License-Identifier: Apache-2.0
package import Discovery
package import EnvelopeModel
import NIOCore
import Synchronization

/// The chain that a peer showed in a handshake, and what it is worth.
///
/// The handshake accepts every chain, for dial-back needs none; policy asks here, for each domain.
package final class PresentedCertificate: PeerCertificate {
    private let chain: [[UInt8]]
    private let roots: TrustRoots
    private let purpose: PathValidation.Purpose
    /// What the last validations said: they are costly, and one connection may serve many domains.
    private let known = Mutex<[TrustAnchors: Verdict]>([:])

    /// What a path may end at.
    private enum TrustAnchors: Hashable {
        case roots
        case records([TLSARecord])
    }

    private struct Verdict {
        /// Nil where the path stood.
        var refusal: String?
        /// SHA-256 and keys are taken from these: the path in DER.
        var path: [[UInt8]]
        /// When it need not be asked again.
        var times: ClosedRange<Int64>
    }

    /// Takes a chain in DER, the peer's own certificate first.
    ///
    /// - Parameters:
    ///   - chain: What the peer sent.
    ///   - roots: The authorities to trace it to.
    ///   - isServer: Whether the peer showed it as the server of the connection.
    package init(chain: [[UInt8]], roots: TrustRoots, isServer: Bool) {
        self.chain = chain
        self.roots = roots
        purpose = isServer ? .server : .client
    }

    package var summary: String {
        guard let own = chain.first.flatMap({ X509Certificate(der: $0) }) else { return "an unreadable certificate" }
        let names = own.dnsNames
        let shown = names.isEmpty ? own.subject : names.prefix(3).joined(separator: ", ")
        return "\(shown)\(names.count > 3 ? " and \(names.count - 3) more" : "") (SHA-256 \(own.fingerprint))"
    }

    package func refusal(
        for domain: Domain,
        host: PeerService.Host?,
        security: PeerService.Security,
        time: Int64
    ) -> String? {
        guard let own = chain.first.flatMap({ X509Certificate(der: $0) }) else {
            return "the certificate cannot be read"
        }
        let isSecure = security == .secure
        // RFC 7673 §3.1: records of a host that unsigned answers led to say nothing.
        let records = isSecure ? (host?.tlsa ?? []).filter(\.isUsable) : []
        var names = [domain.name]
        // RFC 7673 §4: signed answers make the host's name as good as the domain's.
        if isSecure, let host, let name = Domain(host.name), !isAddress(name.name) { names.append(name.name) }
        guard !records.isEmpty else {  // RFC 7671 §4.1: none usable is as none
            return nameRefusal(own, names) ?? verdict(.roots, time).refusal
        }
        var refusal = "the certificate matches none of the host's TLSA records"
        for record in records {
            guard let reason = self.refusal(under: record, own, names, time) else { return nil }
            if let reason = reason.text { refusal = reason }
        }
        return refusal
    }

    /// Why one TLSA record does not vouch; without a text where it is about another certificate.
    private struct RecordRefusal {
        var text: String?
    }

    private func refusal(
        under record: TLSARecord,
        _ own: X509Certificate,
        _ names: [String],
        _ time: Int64
    ) -> RecordRefusal? {
        switch record.usage {
        case 3:  // RFC 7671 §5.1: neither names nor dates count
            return record.matches(own) ? nil : RecordRefusal()
        case 1:
            guard record.matches(own) else { return RecordRefusal() }
            return (nameRefusal(own, names) ?? verdict(.roots, time).refusal).map(RecordRefusal.init)
        case 0:
            let verdict = verdict(.roots, time)
            if let reason = nameRefusal(own, names) ?? verdict.refusal { return RecordRefusal(text: reason) }
            let isOnPath = verdict.path.dropFirst().contains { X509Certificate(der: $0).map(record.matches) ?? false }
            return isOnPath ? nil : RecordRefusal()
        default:  // 2
            let verdict = verdict(.records([record]), time)
            if let reason = verdict.refusal { return RecordRefusal(text: verdict.path.isEmpty ? nil : reason) }
            return nameRefusal(own, names).map(RecordRefusal.init)
        }
    }

    private func nameRefusal(_ own: X509Certificate, _ names: [String]) -> String? {
        if names.contains(where: { own.covers($0) }) { return nil }
        let shown = own.dnsNames.prefix(3).joined(separator: ", ")
        let wanted = names.joined(separator: " or ")
        return shown.isEmpty ? "the certificate names no domain" : "the certificate is for \(shown), not for \(wanted)"
    }

    /// The path's validation, from memory where it is still true.
    private func verdict(_ anchors: TrustAnchors, _ time: Int64) -> Verdict {
        if let verdict = known.withLock({ $0[anchors] }), verdict.times.contains(time) { return verdict }
        let verdict = validate(anchors, time)
        known.withLock {
            if $0.count >= 16 { $0.removeAll() }
            $0[anchors] = verdict
        }
        return verdict
    }

    private func validate(_ anchors: TrustAnchors, _ time: Int64) -> Verdict {
        let certificates = chain.prefix(10).compactMap { X509Certificate(der: $0) }
        var validation = PathValidation(roots: roots, purpose: purpose)
        if case .records(let records) = anchors {
            let named = records.flatMap { record in record.authorities(among: certificates.dropFirst()) }
            // An empty path tells that the record is about none of these.
            if named.isEmpty { return Verdict(refusal: "no such authority", path: [], times: .min ... .max) }
            validation = PathValidation(roots: TrustRoots(named), purpose: purpose, endsAnywhere: true)
        }
        switch validation.validate(certificates, time: time) {
        case .refused(let reason):
            let (end, overflow) = time.addingReportingOverflow(60)
            return Verdict(refusal: reason, path: chain, times: time...(overflow ? .max : end))
        case .valid(let path):
            let start = path.map(\.notBefore).max() ?? time
            let end = path.map(\.notAfter).min() ?? time
            return Verdict(refusal: nil, path: path.map(\.der), times: min(start, time)...max(end, time))
        }
    }
}

/// Whether `name` is a numeric address, which no DNS name of a certificate stands for.
private func isAddress(_ name: String) -> Bool {
    (try? SocketAddress(ipAddress: name, port: 0)) != nil
}
