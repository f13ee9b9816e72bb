// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

/// Every key of the aggregator's own configuration, in the order of the example file.
package enum AggregatorKeys {
    /// The keys at the top of the file.
    package static let all: [SettingsKey] = [
        SettingsKey(
            "name",
            .word,
            .required,
            example: "north",
            "What this aggregator is called in logs and on the status page"
        ),
        SettingsKey(
            "listen",
            .list(.peerListener, count: 0...16),
            .defaultsTo("[ \"127.0.0.1:5290\" ]"),
            "Where peers reach this aggregator over IMX; tls:// in front for TLS; an empty list only dials out"
        ),
        SettingsKey(
            "state-directory",
            .path,
            .defaultsTo("/var/lib/imx"),
            "Directory of the database; made if absent, readable by this program's user alone"
        ),
        SettingsKey(
            "control-socket",
            .path,
            .optional,
            example: "/run/imx/control.sock",
            "Unix socket for imx send and imx status; without it, control.sock in the state directory"
        ),
        SettingsKey(
            "stop-within",
            .duration(.seconds(1) ... .seconds(600)),
            .defaultsTo("10s"),
            "How long work in flight may take to finish after SIGTERM"
        ),
        SettingsKey(section: "log", log, "What is logged, and how"),
        SettingsKey(section: "limits", limits, "Bounds on what this process holds"),
        SettingsKey(section: "timeouts", timeouts, "How long this process waits"),
        SettingsKey(
            "peers",
            .table(
                names: .domain,
                values: .list(.peer, count: 1...16),
                example: "b.example: [ \"127.0.0.1:5291\" ]"
            ),
            .defaultsTo("{}"),
            "Where the aggregators of foreign domains are that DNS shall not be asked for; each endpoint is tried in turn"
        ),
        SettingsKey(section: "dns", dns, "How the aggregators of other domains are found"),
        SettingsKey(section: "tls", tls, "Certificates, ours and those of others"),
        SettingsKey(section: "node", node, "What this process is among several that serve the same domains"),
        SettingsKey(
            "block",
            .list(.domain, count: 0...100_000),
            .defaultsTo("[]"),
            "Foreign domains that nothing is taken from, and whose connections lose their trust at once"
        ),
        rules,
        SettingsKey(section: "spam", spam, "What is kept from flooding whom; how much is said in each class"),
        SettingsKey(
            "classes",
            .table(names: .word, values: .section(domainClass), example: "default: {}"),
            .defaultsTo("{ default: {} }"),
            "Settings that domains share; each domain names its class"
        ),
        SettingsKey(
            "adapters",
            .table(names: .word, values: .variant, example: "demo: { kind: stub }"),
            .required,
            "The links to messaging services, each under a name of your choice"
        ),
        SettingsKey(
            "domains",
            .table(names: .domain, values: .section(domain), example: "a.example: { adapter: demo }"),
            .required,
            "The domains that are hosted here, each with the adapter that reaches its users"
        ),
    ]

    static let log: [SettingsKey] = [
        SettingsKey(
            "level",
            .choice(["trace", "debug", "info", "notice", "warning", "error"]),
            .defaultsTo("info"),
            "The least severity that is logged; debug shows every step of every message"
        ),
        SettingsKey("format", .choice(["text", "json"]), .defaultsTo("text"), "One line of text or of JSON per event"),
    ]

    static let dns: [SettingsKey] = [
        SettingsKey(
            "resolver",
            .choice(["system", "recursive", "off"]),
            .defaultsTo("system"),
            "Ask the servers of /etc/resolv.conf, ask the internet's own servers from the root on, or ask nobody"
        ),
        SettingsKey(
            "servers",
            .list(.nameServer, count: 0...8),
            .defaultsTo("[]"),
            "Recursive servers to ask in place of those of /etc/resolv.conf"
        ),
        SettingsKey(
            "zones",
            .table(
                names: .domain,
                values: .list(.nameServer, count: 1...8),
                example: "corp.example: [ \"10.0.0.53:53\" ]"
            ),
            .defaultsTo("{}"),
            "Zones whose authoritative servers are asked directly, for names that the internet does not know"
        ),
        SettingsKey(
            "trust-anchor",
            .path,
            .optional,
            example: "/usr/share/dns/root.key",
            "File with DS or DNSKEY lines that DNSSEC is checked from; without it, the root's from dns-root-data"
        ),
        SettingsKey(
            "default-port",
            .integer(1...65_535),
            .defaultsTo("5290"),
            "The port of a domain that has addresses and no other record"
        ),
        SettingsKey(
            "allow-addresses",
            .list(.addressRange, count: 0...64),
            .defaultsTo("[]"),
            "Loopback, private and other special addresses that DNS records may lead to all the same"
        ),
        SettingsKey(
            "watch",
            .duration(.zero ... .seconds(604_800)),
            .defaultsTo("1h"),
            "How often the hosted domains' own records are looked up, to tell where they do not lead here; 0s for never"
        ),
        SettingsKey(
            "reached-at",
            .list(.peerListener, count: 0...16),
            .defaultsTo("[]"),
            "Where others reach what listens here, where that is somewhere else: at a router or a load balancer"
        ),
    ]

    static let tls: [SettingsKey] = [
        SettingsKey(
            "certificates",
            .path,
            .optional,
            example: "/etc/letsencrypt/live",
            "Directory with DOMAIN/fullchain.pem and DOMAIN/privkey.pem for each domain; needed for tls:// under listen"
        ),
        SettingsKey(
            "authorities",
            .list(.path, count: 0...64),
            .defaultsTo("[]"),
            "PEM files of private authorities whose certificates are believed"
        ),
        SettingsKey(
            "system-authorities",
            .flag,
            .defaultsTo("true"),
            "Whether the authorities that the system knows are believed (Debian: package ca-certificates)"
        ),
        SettingsKey(
            "look-for-changes",
            .duration(.seconds(1) ... .seconds(86_400)),
            .defaultsTo("30s"),
            "How often the certificate files are looked at for changes"
        ),
    ]

    static let node: [SettingsKey] = [
        SettingsKey(
            "number",
            .integer(0...65_535),
            .defaultsTo("0"),
            "The number of this process among them; no two have the same"
        ),
        SettingsKey(
            "socket-directory",
            .path,
            .optional,
            example: "/run/imx/nodes",
            "Directory where each of them listens at node-NUMBER.sock; without it this process is alone"
        ),
        SettingsKey(
            "key",
            .secret,
            .optional,
            example: "{ file: /etc/imx/node.key }",
            "At least 32 characters that they all share and nobody else has; needed with socket-directory"
        ),
    ]

    static let limits: [SettingsKey] = [
        SettingsKey(
            "lanes",
            .integer(1...1_000_000),
            .defaultsTo("100000"),
            "Lanes, which are pairs of source and destination domain, at a time; idle ones give way to new ones"
        ),
        SettingsKey(
            "waiting-octets",
            .size((1 << 20)...(64 << 30)),
            .defaultsTo("256MiB"),
            "Octets of all messages without an outcome, in all lanes together, before new ones are told to try later"
        ),
        SettingsKey(
            "submissions",
            .integer(16...1_000_000),
            .defaultsTo("16384"),
            "Messages of one adapter without an outcome before the adapter must stop reading"
        ),
        SettingsKey(
            "in-flight",
            .integer(1...65_536),
            .defaultsTo("4096"),
            "Requests that a peer may leave unanswered on one connection"
        ),
        SettingsKey(
            "record-size",
            .size((16 << 10)...(16 << 20)),
            .defaultsTo("256KiB"),
            "The largest IMX record that is taken from a verified peer; it must hold a message of any class"
        ),
        SettingsKey(
            "connections",
            .integer(1...1_000_000),
            .defaultsTo("4096"),
            "Connections from peers that are open at a time; a sixteenth is kept for known addresses"
        ),
        SettingsKey(
            "connections-from-address",
            .integer(1...100_000),
            .defaultsTo("64"),
            "Connections that one network address, or one IPv6 /64, may hold open to here"
        ),
        SettingsKey(
            "connections-from-network",
            .integer(1...1_000_000),
            .defaultsTo("256"),
            "Connections that one network, an IPv4 /24 or an IPv6 /56, may hold open to here"
        ),
        SettingsKey(
            "connections-from-domain",
            .integer(1...100_000),
            .defaultsTo("32"),
            "Connections to here on which one foreign domain, once it has proved itself, may be trusted at a time"
        ),
        SettingsKey(
            "connections-unproved",
            .integer(1...1_000_000),
            .defaultsTo("2048"),
            "Connections to here at a time on which nobody has proved to be anybody; a quarter is kept for known addresses"
        ),
        SettingsKey(
            "new-connections",
            .integer(1...50_000),
            .defaultsTo("300"),
            "New connections to here in a minute from one network address; three times as many from its network"
        ),
        SettingsKey(
            "connections-to-peer",
            .integer(1...16),
            .defaultsTo("2"),
            "Connections that are opened to one peer service; a pair of domains stays on one of them"
        ),
        SettingsKey(
            "remembered-messages",
            .integer(1024...100_000_000),
            .defaultsTo("1000000"),
            "Message identifiers that are remembered so that a repeat is not delivered again; 16 octets each"
        ),
        SettingsKey(
            "kept-outcomes",
            .integer(0...10_000_000),
            .defaultsTo("10000"),
            "Messages that were not delivered whose outcomes the database keeps"
        ),
    ]

    static let timeouts: [SettingsKey] = [
        SettingsKey(
            "connect",
            .duration(.milliseconds(100) ... .seconds(60)),
            .defaultsTo("5s"),
            "For one try to open a connection to a peer"
        ),
        SettingsKey(
            "handshake",
            .duration(.seconds(1) ... .seconds(120)),
            .defaultsTo("10s"),
            "From the opening of a connection to the exchange of greetings"
        ),
        SettingsKey(
            "idle",
            .duration(.seconds(10) ... .seconds(86_400)),
            .defaultsTo("5m"),
            "After which a connection without traffic is closed"
        ),
        SettingsKey(
            "ping",
            .duration(.seconds(1) ... .seconds(3600)),
            .defaultsTo("30s"),
            "After which a silent peer is asked whether it is still there"
        ),
        SettingsKey(
            "ping-answer",
            .duration(.seconds(1) ... .seconds(600)),
            .defaultsTo("20s"),
            "For the answer to that question; without it the connection counts as lost"
        ),
        SettingsKey(
            "reconnect",
            .duration(.milliseconds(10) ... .seconds(60)),
            .defaultsTo("200ms"),
            "Before the first new try to reach a peer; each further pause is longer"
        ),
        SettingsKey(
            "reconnect-most",
            .duration(.seconds(1) ... .seconds(3600)),
            .defaultsTo("60s"),
            "The longest pause between tries to reach a peer"
        ),
        SettingsKey(
            "repeat-window",
            .duration(.seconds(600) ... .seconds(86_400)),
            .defaultsTo("10m"),
            "How long a message identifier is remembered"
        ),
        SettingsKey(
            "presence-grace",
            .duration(.seconds(1) ... .seconds(3_600)),
            .defaultsTo("1m"),
            "How long a service's link may be down before watchers are shown that its users are not there"
        ),
    ]
}
