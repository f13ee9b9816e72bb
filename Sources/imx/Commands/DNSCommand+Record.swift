// SPDX-License-Identifier: Apache-2.0
import Configuration
import Digests
import Discovery
import EnvelopeModel
import Glibc
import NIOSSL

/// The lines of a zone that lead to an aggregator.
struct ZoneRecords {
    /// A port that peers reach it at.
    struct Port: Hashable {
        var number: UInt16
        var usesTLS: Bool
    }

    let domain: Domain
    var host: String
    /// In the order in which they shall be tried.
    var ports: [Port] = [Port(number: 5290, usesTLS: false)]
    var addresses: [NumericAddress] = []
    /// The file of the certificate.
    var certificate: String?
    var preference: UInt16 = 10
    var weight: UInt16 = 0
    var seconds: UInt32 = 3600

    /// What `configuration` says about them.
    init(domain: Domain, configuration: AggregatorConfiguration?) {
        self.domain = domain
        host = "imx.\(domain)"
        guard let configuration, !configuration.listen.isEmpty else { return }
        var seen: Set<Port> = []
        let places = configuration.dns.reachedAt.isEmpty ? configuration.listen : configuration.dns.reachedAt
        let listened = places.map { Port(number: $0.port, usesTLS: $0.usesTLS) }
        ports = (listened.filter(\.usesTLS) + listened.filter { !$0.usesTLS }).filter { seen.insert($0).inserted }
        // Special addresses, all of the machine's among them, are of no use to strangers.
        addresses = places.compactMap { endpoint in
            AddressPolicy().refusal(of: endpoint.host, port: endpoint.port) == nil ? NumericAddress(endpoint.host) : nil
        }
        if ports.contains(where: \.usesTLS), let directory = configuration.tls.certificates {
            let path = "\(directory)/\(domain)/fullchain.pem"
            if access(path, R_OK) == 0 { certificate = path }
        }
    }

    /// The lines, with a comment on each group.
    func text() throws -> String {
        var lines = ["; \(domain) on the IMX network. BIND, Knot DNS and NSD read these lines as they are."]
        for (index, port) in ports.enumerated() {
            let record = try record(index, port)
            lines += ["; IMX record: \(record)", line(domain.name, "TYPE65370", record.genericText)]
        }
        lines.append("; for those who do not know the IMX record")
        for (index, port) in ports.enumerated() {
            let text = "\(preference(index)) \(weight) \(port.number) \(host)."
            lines.append(line("_imx._tcp.\(domain)", "SRV", text))
        }
        lines += addressLines
        lines += try certificateLines()
        return lines.joined(separator: "\n")
    }

    /// The lines of the IMX record alone.
    func imxLines() throws -> [String] {
        try ports.enumerated().map { index, port in
            line(domain.name, "TYPE65370", try record(index, port).genericText)
        }
    }

    /// The TLSA record that stands for the certificate.
    static func tlsa(ofCertificate path: String) throws -> TLSARecord {
        do {
            guard let certificate = try NIOSSLCertificate.fromPEMFile(path).first else {
                throw CommandFailure("there is no certificate in \(path)")
            }
            // RFC 7671 §5.1: the public key alone, so that a renewal with the same key changes nothing.
            let key = try certificate.extractPublicKey().toSPKIBytes()
            return TLSARecord(usage: 3, selector: 1, matching: 1, association: Digests.sha256(key))
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure("the certificate \(path) cannot be read as PEM")
        }
    }

    private func record(_ index: Int, _ port: Port) throws -> IMXRecord {
        guard let target = DNSName(host) else { throw CommandFailure("\(host) is no name") }
        return IMXRecord(
            preference: preference(index),
            weight: weight,
            port: port.number,
            usesTLS: port.usesTLS,
            target: target
        )
    }

    /// Ports of one machine are tried in their order, TLS first.
    private func preference(_ index: Int) -> UInt16 { UInt16(clamping: Int(preference) + index * 10) }

    private var addressLines: [String] {
        guard addresses.isEmpty else {
            return ["; the machine"]
                + addresses.map { line("\(host)", $0.isIPv6 ? "AAAA" : "A", $0.description) }
        }
        return [
            "; the machine: put its public addresses here and take the semicolons away, unless it has these records",
            "; " + line(host, "A", "192.0.2.1"), "; " + line(host, "AAAA", "2001:db8::1"),
        ]
    }

    private func certificateLines() throws -> [String] {
        let secured = ports.filter(\.usesTLS)
        guard !secured.isEmpty else { return [] }
        guard let certificate else {
            return ["; give --certificate FILE for the TLSA record, which says what certificate \(host) shows"]
        }
        let text = try ZoneRecords.tlsaText(ZoneRecords.tlsa(ofCertificate: certificate))
        return ["; the certificate; this counts where both zones are signed with DNSSEC"]
            + secured.map { line("_\($0.number)._tcp.\(host)", "TLSA", text) }
    }

    static func tlsaText(_ record: TLSARecord) -> String {
        "\(record.usage) \(record.selector) \(record.matching) \(Hexadecimal.text(record.association).lowercased())"
    }

    func line(_ owner: String, _ type: String, _ data: String) -> String { "\(owner). \(seconds) IN \(type) \(data)" }
}
