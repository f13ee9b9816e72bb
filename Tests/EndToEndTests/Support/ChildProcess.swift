// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

/// How a process ended.
enum ProcessEnd: Equatable, Sendable, CustomStringConvertible {
    case exited(Int32)
    case killed(signal: Int32)

    var description: String {
        switch self {
        case .exited(let code): "exited with \(code)"
        case .killed(let signal): "killed by signal \(signal)"
        }
    }
}

/// A process that a test has started, in a process group of its own. Whatever still runs when the last reference
/// goes is killed, children included.
final class ChildProcess: Sendable {
    let name: String
    let pid: pid_t
    /// Where its standard output goes.
    let output: URL
    /// Where its standard error goes.
    let errors: URL
    private let input: Int32
    private let end = Mutex<ProcessEnd?>(nil)

    /// Starts `arguments[0]`, looked up on the PATH, in `directory`.
    init(
        _ name: String,
        _ arguments: [String],
        in directory: URL,
        environment: [String: String] = [:]
    ) throws {
        self.name = name
        output = directory.appending(path: "\(name).out")
        errors = directory.appending(path: "\(name).err")
        let ends = try Self.closedOnExec()
        defer { close(ends.read) }
        input = ends.write

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let flags = O_WRONLY | O_CREAT | O_APPEND
        posix_spawn_file_actions_adddup2(&actions, ends.read, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output.path, flags, 0o644)
        posix_spawn_file_actions_addopen(&actions, 2, errors.path, flags, 0o644)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A test runs on a thread that blocks signals; its children are to hear them.
        var blocked = sigset_t()
        sigemptyset(&blocked)
        posix_spawnattr_setsigmask(&attributes, &blocked)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
        posix_spawnattr_setpgroup(&attributes, 0)

        let variables = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        // env(1) changes the directory and then becomes the program, so that the pid is the program's.
        let command = ["env", "--chdir=\(directory.path)"] + arguments
        var argv = command.map { strdup($0) } + [nil]
        var envp = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in argv + envp { free(text) } }
        var started: pid_t = 0
        let result = posix_spawnp(&started, command[0], &actions, &attributes, &argv, &envp)
        guard result == 0 else {
            close(ends.write)
            throw HarnessError("cannot start \(arguments.joined(separator: " ")): errno \(result)")
        }
        pid = started
    }

    deinit {
        stop()
        close(input)
    }

    /// A pipe whose ends no other child inherits.
    private static func closedOnExec() throws -> (read: Int32, write: Int32) {
        _ = Foundation.signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw HarnessError("pipe: errno \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    /// How it ended, or nil while it runs.
    var ended: ProcessEnd? { reap(wait: false) }

    /// Writes a line to its standard input.
    func write(line: String) throws {
        let octets = Array((line + "\n").utf8)
        var written = 0
        while written < octets.count {
            let n = octets[written...].withUnsafeBytes { Foundation.write(input, $0.baseAddress, $0.count) }
            guard n > 0 else { throw HarnessError("\(name) does not read its input: errno \(errno)") }
            written += n
        }
    }

    /// Sends a signal to the process alone.
    func signal(_ number: Int32) {
        if ended == nil { kill(pid, number) }
    }

    /// Waits for its end.
    func wait(within limit: Duration) async throws -> ProcessEnd {
        try await eventually("end of \(name)", within: limit) { self.ended }
    }

    /// Kills the process and everything in its group at once.
    func stop() {
        if ended == nil {
            kill(-pid, SIGKILL)
            _ = reap(wait: true)
        } else {
            kill(-pid, SIGKILL)
        }
    }

    /// The last lines of what it wrote, for the report of a failure.
    func tail(_ lines: Int = 15) -> String {
        [output, errors].compactMap { try? String(contentsOf: $0, encoding: .utf8) }.map {
            $0.split(separator: "\n").suffix(lines).joined(separator: "\n")
        }.joined(separator: "\n")
    }

    private func reap(wait: Bool) -> ProcessEnd? {
        end.withLock { end in
            if end != nil { return end }
            var status: Int32 = 0
            guard waitpid(pid, &status, wait ? 0 : WNOHANG) == pid else { return nil }
            let signal = status & 0x7F
            end = signal == 0 ? .exited((status >> 8) & 0xFF) : .killed(signal: signal)
            return end
        }
    }
}
