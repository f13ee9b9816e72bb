// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

/// An XMPP server that a test runs: one domain, the password of every account is the account's name.
protocol XMPPServer: AnyObject, Sendable {
    var domain: String { get }
    var clientPort: UInt16 { get }
    var componentPort: UInt16 { get }
    var componentDomain: String { get }
    func start() async throws
    /// Ends it at once; what it keeps is of no interest any more.
    func stop()
    /// Kills it at once, with all that it has promised to keep on its disk.
    func crash() async throws
}

extension XMPPServer {
    var componentDomain: String { "imx.\(domain)" }
}

/// The secret that every test component shares with its server.
let componentSecret = "a secret of tests"

/// Prosody, with our routing module, so that users write to foreign addresses as they are.
final class Prosody: XMPPServer {
    let domain: String
    let clientPort: UInt16
    let componentPort: UInt16
    private let directory: URL
    private let configuration: String
    private let process = Mutex<ChildProcess?>(nil)

    /// - Parameter foreign: the foreign domains that go to the component; none leaves only the escaped form.
    init(domain: String, accounts: [String], foreign: [String] = [], in scratch: Scratch) throws {
        self.domain = domain
        clientPort = try Ports.free()
        componentPort = try Ports.free()
        directory = try scratch.directory("prosody-\(domain)")
        for account in accounts {
            // What `prosodyctl register` would write, without the second that it takes.
            let host = domain.replacing(".", with: "%2e")
            try scratch.write(
                "return { [\"password\"] = \"\(account)\" };\n",
                to: "prosody-\(domain)/data/\(host)/accounts/\(account).dat"
            )
        }
        let names = foreign.map { "\"\($0)\"" }.joined(separator: ", ")
        let route = "imx_route_domains = { \(names) }; imx_route_component = \"imx.\(domain)\""
        let text = try Place.template(
            "prosody.cfg.lua.in",
            [
                "DIRECTORY": directory.path, "LOGLEVEL": "info", "C2S": "\(clientPort)",
                "COMPONENT": "\(componentPort)", "DOMAIN": domain,
                "PLUGINS": "\"\(Place.root.appending(path: "Adapters/XMPP").path)\"",
                "HOST_SETTINGS": foreign.isEmpty ? "" : "modules_enabled = { \"imx_route\" }; \(route)",
                "COMPONENTS": """
                Component "imx.\(domain)"
                  component_secret = "\(componentSecret)"
                  validate_from_addresses = false
                """,
            ]
        )
        configuration = try scratch.write(text, to: "prosody-\(domain)/prosody.cfg.lua")
    }

    func start() async throws {
        let started = try ChildProcess("prosody", ["prosody", "--config", configuration], in: directory)
        process.withLock { $0 = started }
        try await eventually(
            "answer of Prosody",
            within: .seconds(20),
            detail: { started.tail() }
        ) {
            if let end = started.ended { throw HarnessError("Prosody \(end)\n\(started.tail())") }
            return Ports.answers(clientPort) && Ports.answers(componentPort)
        }
    }

    func stop() { process.withLock { $0.take() }?.stop() }

    /// Prosody has written its files before it answers.
    func crash() async throws { stop() }
}

/// ejabberd, run by `erl` directly: no node name, so no epmd and no distribution port.
final class Ejabberd: XMPPServer {
    let domain: String
    let clientPort: UInt16
    let componentPort: UInt16
    private let directory: URL
    private let accounts: [String]
    private let process = Mutex<ChildProcess?>(nil)

    /// - Parameter foreign: the foreign domains that share the one component link with `imx.<domain>`.
    init(domain: String, accounts: [String], foreign: [String] = [], in scratch: Scratch) throws {
        self.domain = domain
        self.accounts = accounts
        clientPort = try Ports.free()
        componentPort = try Ports.free()
        directory = try scratch.directory("ejabberd-\(domain)")
        _ = try scratch.directory("ejabberd-\(domain)/log")
        let hosts = (["imx.\(domain)"] + foreign).map { "      \"\($0)\": { password: \"\(componentSecret)\" }" }
        let text = try Place.template(
            "ejabberd.yml.in",
            [
                "LOGLEVEL": "info", "DOMAIN": domain, "C2S": "\(clientPort)", "COMPONENT": "\(componentPort)",
                "GLOBAL_ROUTES": "true", "COMPONENTS": hosts.joined(separator: "\n"),
            ]
        )
        try scratch.write(text, to: "ejabberd-\(domain)/ejabberd.yml")
    }

    func start() async throws {
        let ready = directory.appending(path: "ready")
        try? FileManager.default.removeItem(at: ready)
        let started = try ChildProcess(
            "ejabberd",
            [
                "erl", "+K", "true", "-mnesia", "dir", "\"\(directory.path)/db\"", "-s", "ejabberd", "-noinput",
                "-eval", registration,
            ],
            in: directory,
            environment: [
                "EJABBERD_CONFIG_PATH": directory.appending(path: "ejabberd.yml").path,
                "EJABBERD_LOG_PATH": directory.appending(path: "log/ejabberd.log").path,
                "ERL_INETRC": Place.peers.appending(path: "inetrc").path,
                "ERL_LIBS": "/usr/lib/x86_64-linux-gnu:/usr/lib/aarch64-linux-gnu",
                "ERL_CRASH_DUMP_BYTES": "0", "HOME": directory.path,
            ]
        )
        process.withLock { $0 = started }
        try await eventually("answer of ejabberd", within: .seconds(40), detail: { started.tail() }) {
            if let end = started.ended { throw HarnessError("ejabberd \(end)\n\(started.tail())") }
            return FileManager.default.fileExists(atPath: ready.path)
                && Ports.answers(clientPort) && Ports.answers(componentPort)
        }
    }

    func stop() { process.withLock { $0.take() }?.stop() }

    /// ejabberd's own storage keeps what was changed in the last seconds in memory: a kill makes it forget whom its users
    /// have approved, which no other program can mend.
    func crash() async throws {
        let (wish, done) = (directory.appending(path: "sync"), directory.appending(path: "synced"))
        try? FileManager.default.removeItem(at: done)
        try Data().write(to: wish)
        try await eventually("ejabberd's tables on disk", within: .seconds(20)) {
            FileManager.default.fileExists(atPath: done.path)
        }
        stop()
    }

    /// Erlang that writes all tables to the disk whenever the file "sync" appears, and then leaves the file "synced".
    private let syncing = """
        spawn(fun S() -> case file:delete("sync") of ok -> mnesia:sync_log(), [dets:sync(T) || T <- dets:all()], \
        file:write_file("synced", <<>>); _ -> ok end, timer:sleep(20), S() end)
        """

    /// Erlang that makes the accounts as soon as the server can, and then leaves the file "ready".
    private var registration: String {
        let calls = accounts.map {
            "case ejabberd_auth:try_register(<<\"\($0)\">>, <<\"\(domain)\">>, <<\"\($0)\">>) of "
                + "ok -> ok; {error, exists} -> ok end"
        }
        return "F = fun F(0) -> ok; F(N) -> case catch (fun() -> \(calls.joined(separator: ", ")) end)() of "
            + "ok -> file:write_file(\"ready\", <<>>); _ -> timer:sleep(100), F(N - 1) end end, F(300), \(syncing)."
    }
}
