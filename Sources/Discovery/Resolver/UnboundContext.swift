// SPDX-License-Identifier: Apache-2.0
import CUnbound
import EnvelopeModel
import Glibc

/// Makes libunbound's context as settings ask for it.
enum UnboundContext {
    /// The root's key-signing keys of 2017 and 2024, for systems without a file of them (IANA root-anchors.xml).
    static let rootAnchors = [
        ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
        ". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
    ]
    /// Where Debian's dns-root-data keeps them.
    static let systemAnchorFile = "/usr/share/dns/root.key"

    static func make(_ settings: DNSSettings) throws(DNSSettingsError) -> OpaquePointer {
        guard let context = ub_ctx_create() else { throw DNSSettingsError(description: "libunbound does not start") }
        do throws(DNSSettingsError) {
            ub_ctx_debugout(context, nil)
            try check(ub_ctx_async(context, 1), "threads")
            for (option, value) in options(settings) {
                try check(ub_ctx_set_option(context, option, value), "the option \(option) \(value)")
            }
            try setUpstream(context, settings)
            try setAnchors(context, settings)
            return context
        } catch {
            ub_ctx_delete(context)
            throw error
        }
    }

    /// Whether the system names servers to ask. One that does not is asked nothing, and the internet's own servers are.
    private static var systemHasServers: Bool { access("/etc/resolv.conf", F_OK) == 0 }

    private static func options(_ settings: DNSSettings) -> [(String, String)] {
        // S06: where strangers' delegations are followed, they must not lead to this machine.
        let isRecursive = settings.upstream == .system && !systemHasServers && settings.zones.isEmpty
        return [
            ("do-not-query-localhost:", settings.asksLoopbackServers && !isRecursive ? "no" : "yes"),
            // RFC 9715 §3.1: what fits one packet everywhere.
            ("edns-buffer-size:", "1232"),
            ("harden-dnssec-stripped:", "yes"),
            ("harden-below-nxdomain:", "yes"),
            ("harden-glue:", "yes"),
            ("harden-referral-path:", "no"),
            ("qname-minimisation:", "yes"),
            ("aggressive-nsec:", "yes"),
            // The library keeps records too, and cannot be told to forget one: it must not keep them for long.
            ("cache-max-ttl:", String(settings.limits.positiveSeconds.upperBound)),
            ("cache-max-negative-ttl:", String(settings.limits.negativeSeconds.upperBound)),
            // A name server that comes back after a failure is noticed within this time.
            ("infra-host-ttl:", "60"),
            ("infra-cache-numhosts:", "10000"),
            ("msg-cache-size:", "4m"),
            ("rrset-cache-size:", "8m"),
            ("key-cache-size:", "1m"),
            ("neg-cache-size:", "1m"),
            ("outgoing-range:", "512"),
            ("num-queries-per-thread:", "1024"),
            ("outgoing-num-tcp:", "16"),
        ]
    }

    private static func setUpstream(_ context: OpaquePointer, _ settings: DNSSettings) throws(DNSSettingsError) {
        switch settings.upstream {
        case .system:
            guard systemHasServers else { break }
            try check(ub_ctx_resolvconf(context, "/etc/resolv.conf"), "/etc/resolv.conf")
        case .recursive: break
        case .servers(let servers):
            for server in servers { try check(ub_ctx_set_fwd(context, try text(server)), "the name server") }
        }
        for zone in settings.zones {
            for server in zone.servers {
                try check(ub_ctx_set_stub(context, zone.name, try text(server), 0), "the zone \(zone.name)")
            }
        }
    }

    private static func setAnchors(_ context: OpaquePointer, _ settings: DNSSettings) throws(DNSSettingsError) {
        guard settings.checksSignatures else {
            return try check(ub_ctx_set_option(context, "module-config:", "iterator"), "the option module-config")
        }
        var file = settings.trustAnchorFile
        var lines = settings.trustAnchors
        if file == nil && lines.isEmpty {
            if access(systemAnchorFile, R_OK) == 0 { file = systemAnchorFile } else { lines = rootAnchors }
        }
        for line in lines { try check(ub_ctx_add_ta(context, line), "the trust anchor \"\(line)\"") }
        if let file {
            guard let text = readText(file) else {
                throw DNSSettingsError(description: "the trust anchor file \(file) cannot be read")
            }
            try check(ub_ctx_add_ta_file(context, file), "the trust anchor file \(file)")
            lines += text.split(separator: "\n").map(String.init)
        }
        for zone in settings.zones where !isAnchored(zone.name, lines) {
            let option = "domain-insecure:"
            try check(ub_ctx_set_option(context, option, zone.name), "the option \(option) \(zone.name)")
        }
    }

    /// Whether one of the anchors, other than the root's, is of `zone` or of one that it belongs to.
    static func isAnchored(_ zone: String, _ lines: [String]) -> Bool {
        guard let zone = DNSName(zone)?.folded, !zone.isEmpty else { return true }
        return lines.contains { line in
            guard !line.hasPrefix(";"), let owner = line.split(whereSeparator: \.isWhitespace).first,
                let anchor = DNSName(owner)?.folded, !anchor.isEmpty
            else { return false }
            return zone.suffix(anchor.count) == anchor[...]
        }
    }

    private static func text(_ server: DNSSettings.Server) throws(DNSSettingsError) -> String {
        guard let address = NumericAddress(server.address) else {
            throw DNSSettingsError(description: "the name server \"\(server.address)\" is not a numeric address")
        }
        return "\(address)@\(server.port)"
    }

    private static func check(_ result: Int32, _ what: String) throws(DNSSettingsError) {
        guard result != 0 else { return }
        let reason = ub_strerror(result).map { String(cString: $0) } ?? "error \(result)"
        throw DNSSettingsError(description: "libunbound does not take \(what): \(reason)")
    }

    private static func readText(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var octets = [UInt8](repeating: 0, count: 1 << 20)
        var filled = 0
        while filled < octets.count {
            let count = octets[filled...].withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            if count < 0 { return nil }
            if count == 0 { break }
            filled += count
        }
        return String(decoding: octets[..<filled], as: UTF8.self)
    }
}

extension DNSName {
    /// The labels with A to Z as a to z, by which names are compared (RFC 4343 §3).
    var folded: [[UInt8]] { labels.map { $0.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 } } }
}
