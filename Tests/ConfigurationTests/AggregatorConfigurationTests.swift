import EnvelopeModel
import Testing

// SPDX-License-Identifier: Apache-2.0
@testable import Configuration

@Suite struct AggregatorConfigurationTests {
    @Test("Configuration: a whole file is read into values, with defaults for what it leaves out")
    func readsAll() throws {
        let it = try AggregatorConfiguration.parse(good, adapters: [stubSchema, officeSchema])
        #expect(it.name == "north")
        #expect(it.listen.map(\.description) == ["127.0.0.1:5290", "[::1]:5290"])
        #expect(it.controlSocket == "/tmp/north/control.sock")
        #expect(it.limits.lanes == 7)
        #expect(it.limits.recordSize == 1 << 20)
        #expect(it.limits.inFlight == 4096)
        #expect(it.timeouts.idle == .seconds(90))
        #expect(it.stopWithin == .seconds(10))
        #expect(it.logsJSON)
        let b = try #require(Domain("b.example"))
        #expect(it.peers[b]?.last == Endpoint(host: "front.b.example", port: 5290))
        #expect(it.classes["slow"]?.deadline == .seconds(120))
        #expect(it.classes["slow"]?.maxMessage == 64 << 10)
        #expect(it.adapters.map(\.name) == ["demo", "desk"])
        #expect(it.domains.map(\.domain.name) == ["a.example", "c.example"])
        #expect(it.domains.map(\.className) == ["default", "slow"])
        #expect(it.dns.resolver == "system" && it.dns.defaultPort == 5290 && it.dns.trustAnchor == nil)
        #expect(it.tls.certificates == nil && it.tls.believesSystemAuthorities && it.blocked.isEmpty)
        #expect(it.classes["slow"]?.trust == "dialback")
        let desk = it.adapters[1].settings
        #expect(try desk.secret("secret").reveal() == "sesame")
        #expect(try desk.text("form") == "native")
        #expect(try desk.duration("pause") == .milliseconds(500))
        #expect(!desk.has("greeting"))
        #expect(try desk.table("users").map(\.name) == ["bob", "carol d"])
        #expect(try desk.table("users")[0].settings.text("reply") == "hi")
        #expect(throws: SettingsMisuse.self) { try desk.integer("form") }
    }

    @Test("Configuration: what is said about trust, names and certificates is read as it stands")
    func trustAndNames() throws {
        let text = good.replacing(
            "name: north",
            with: """
                name: north
                dns: { resolver: recursive, zones: { Corp.example: [ "10.0.0.53:53" ] }, allow-addresses: [ 10.0.0.0/8, "::1" ] }
                tls: { certificates: certs, authorities: [ ca.pem ], system-authorities: false }
                block: [ Evil.example ]
                """
        ).replacing("\"127.0.0.1:5290\",", with: "\"tls://127.0.0.1:5290\",")
            .replacing("\"front.b.example:5290\"", with: "\"tls://front.b.example:5290\"")
        let it = try AggregatorConfiguration.parse(text, file: "f", adapters: [stubSchema, officeSchema])
        let b = try #require(Domain("b.example"))
        #expect(it.listen.map(\.usesTLS) == [true, false])
        #expect(it.peers[b]?.last == Endpoint(host: "front.b.example", port: 5290, usesTLS: true))
        #expect(it.dns.resolver == "recursive" && it.dns.allowedAddresses == ["10.0.0.0/8", "::1"])
        #expect(it.dns.zones[try #require(Domain("corp.example"))] == [Endpoint(host: "10.0.0.53", port: 53)])
        #expect(!it.tls.believesSystemAuthorities && it.tls.certificates?.hasSuffix("certs") == true)
        #expect(it.blocked == [try #require(Domain("evil.example"))])
    }

    @Test(
        "IMX configuration: each mistake is named with its place, what is wrong and what would be right",
        arguments: [
            (
                "name: north", "nme: north",
                "f:1:1 the file has no key \"nme\" | did you mean \"name\"? For example: name: north"
            ),
            (
                "limits: { lanes: 7", "limits: { lane: 7",
                "f:4:11 \"limits\" has no key \"lane\" | did you mean \"lanes\"? For example: lanes: 100000"
            ),
            (
                "lanes: 7", "lanes: many",
                "f:4:18 \"limits.lanes\": \"many\" is not a whole number from 1 to 1000000 | for example: 100000"
            ),
            ("lanes: 7", "idle: 7", "f:4:11 \"limits\" has no key \"idle\" | \"idle\" belongs under \"timeouts\""),
            (
                "idle: 90s", "idle: 90",
                "f:6:9 \"timeouts.idle\": \"90\" is not a duration from 10s to 1d | add a unit: 90ms, 90s, 90m, 90h or 90d"
            ),
            (
                "idle: 90s", "idle: 1s",
                "f:6:9 \"timeouts.idle\": \"1s\" is not a duration from 10s to 1d | for example: 5m"
            ),
            (
                "idle: 90s", "idle:",
                "f:6:3 \"timeouts.idle\" has no value | give it a duration from 10s to 1d, for example: idle: 5m; or remove the line"
            ),
            (
                "idle: 90s", "idle: [ 90s ]",
                "f:6:9 \"timeouts.idle\" is a list, not a duration from 10s to 1d | for example: 5m"
            ),
            (
                "1MiB", "1MB",
                "f:4:34 \"limits.record-size\": \"1MB\" is not a size from 16KiB to 16MiB | units are B, KiB, MiB and GiB (1 KiB is 1024 octets)"
            ),
            (
                "[ \"127.0.0.1:5290\", \"[::1]:5290\" ]", "127.0.0.1:5290",
                "f:3:9 \"listen\" is a single value, not a list | for example: [ \"127.0.0.1:5290\" ]"
            ),
            (
                "\"127.0.0.1:5290\",", "\"127.0.0.1\",",
                "f:3:11 \"listen[0]\": \"127.0.0.1\" is not a numeric address and port, with tls:// in front for TLS | add the port, for example: \"127.0.0.1:5290\""
            ),
            (
                "\"front.b.example:5290\"", "\"front.b.example:0\"",
                "f:8:34 \"peers.b.example[1]\": \"front.b.example:0\" is not a host and port, with tls:// in front where the port speaks TLS | for example: \"127.0.0.1:5290\""
            ),
            (
                "B.example:", "B_example:",
                "f:8:3 \"peers\": \"B_example\" is not a domain name | for example: a.example"
            ),
            (
                "B.example:", "C.example:",
                "f:8:14 \"c.example\" is both hosted here and a peer's | remove it from peers or from domains"
            ),
            (
                "[ \"127.0.0.1:5290\",", "[ \"tls://127.0.0.1:5290\",",
                "f:3:11 tls://127.0.0.1:5290 speaks TLS and there are no certificates | name their directory, for example: tls: { certificates: /etc/letsencrypt/live }"
            ),
            (
                "name: north", "name: north\nblock: [ evil.example, A.example ]",
                "f:2:24 \"a.example\" is hosted here and cannot be blocked | remove it from block or from domains"
            ),
            (
                "name: north", "name: north\ndns: { allow-addresses: [ 10.0.0.0/33 ] }",
                "f:2:27 \"dns.allow-addresses[0]\": \"10.0.0.0/33\" is not a range of addresses | for example: 10.0.0.0/8"
            ),
            ("kind: stub", "kind: stubb", "f:13:17 there is no adapter \"stubb\" | did you mean \"stub\"?"),
            (
                "{ kind: stub }", "{}",
                "f:13:9 \"adapters.demo\" lacks \"kind\": which adapter serves it | add one of stub, office, for example: kind: stub"
            ),
            ("kind: stub", "kind: stub, sever: x", "f:13:23 \"adapters.demo\" has no key \"sever\" | remove it"),
            (
                "    secret: sesame\n", "",
                "f:15:5 \"adapters.desk\" lacks \"secret\": What proves who we are | add a secret ({ file: PATH } or { env: NAME }), for example: secret: { env: OFFICE_SECRET }"
            ),
            (
                "secret: sesame", "secret: { env: NONE }",
                "f:17:20 \"adapters.desk.secret\": the environment variable NONE is not set | set it where the aggregator is started, for example: export NONE=..."
            ),
            (
                "secret: sesame", "secret: { vault: NONE }",
                "f:17:15 \"adapters.desk.secret\" comes from a file or from the environment | write { file: /etc/imx/secret } or { env: IMX_SECRET }"
            ),
            (
                "adapter: demo", "adapter: demon",
                "f:20:25 \"domains.a.example.adapter\": there is no \"demon\" under \"adapters\" | did you mean \"demo\"?"
            ),
            (
                "class: slow", "class: slower",
                "f:21:39 \"domains.c.example.class\": there is no \"slower\" under \"classes\" | did you mean \"slow\"?"
            ),
            (
                "level: debug", "level: verbose",
                "f:22:15 \"log.level\": \"verbose\" is not one of trace, debug, info, notice, warning, error | for example: info"
            ),
            (
                "adapter: demo", "adapter: demo, class: default, adapter: desk",
                "f:20:47 \"adapter\" is given twice, first in line 20 | keep one of them"
            ),
            (
                "state-directory: /tmp/north", "name: south",
                "f:2:1 \"name\" is given twice, first in line 1 | keep one of them"
            ),
            ("C.Example.:", "A.EXAMPLE:", "f:21:3 \"domains\" has \"a.example\" twice | keep one of them"),
            (
                "max-message: 32KiB", "max-message: 1MiB",
                "f:10:27 \"classes.default.max-message\" does not fit into a record | set it to at most limits.record-size less 16KiB, which is 1008KiB; or make record-size larger"
            ),
            (
                "  idle: 90s", "\tidle: 90s",
                "f:6:1 not YAML: while scanning for the next token (line 6): found character that cannot start any token | each line is \"key: value\"; indent with spaces, never tabs; quote values that hold \": \" or \" #\""
            ),
        ]
    )
    func namesMistakes(old: String, new: String, expected: String) {
        #expect(good.contains(old))
        guard let range = good.firstRange(of: old) else { return }
        #expect(problems(good[..<range.lowerBound] + new + good[range.upperBound...]) == [expected])
    }

    @Test("IMX configuration: every mistake is reported at once, in the order of the file")
    func reportsAll() {
        let text = """
            nam: north
            listen: 5
            listen: 6
            limits: { lanes: 0 }
            classes: { default: {}, default: {} }
            domains: { a.example: { adaptor: demo } }
            """
        let found = problems(text).map { $0.prefix(6).description }
        #expect(found == ["f:1:1 ", "f:1:1 ", "f:2:9 ", "f:3:1 ", "f:4:18", "f:5:25", "f:6:25"])
    }

    @Test("Configuration: a control socket whose path no kernel takes is refused before the start")
    func longSocket() {
        let long = "/tmp/" + String(repeating: "n", count: 100)
        let found = problems(good.replacing("/tmp/north", with: long))
        #expect(found.count == 1 && found.first?.hasPrefix("f:2:18 the control socket's path is longer") == true)
        let path = long + "/control.sock"
        #expect(problems(good.replacing("name: north", with: "name: north\ncontrol-socket: \(path)")).count == 1)
    }

    @Test("Configuration: an empty file lacks what is required and nothing else")
    func emptyFile() {
        #expect(problems("").count == 3)
        #expect(problems("# nothing\n").count == 3)
        #expect(problems("- a\n- b\n").first?.hasPrefix("f:1:1 the file is a list") == true)
    }
}
