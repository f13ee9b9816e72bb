// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A server that a test has started, in a process group of its own; it is killed with its last reference.
///
/// Not Foundation's `Process`: that hands its blocked signals down, and NSD would not hear SIGTERM.
final class ServerProcess {
    private let pid: pid_t
    private var isRunning = true

    /// Starts `program`; what it writes goes to the file `log`.
    init(_ program: String, _ arguments: [String], log: String) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
        let path = try Programs.path(program).path
        var argv = ([path] + arguments).map { strdup($0) } + [nil]
        var envp = ProcessInfo.processInfo.environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in argv + envp { free(text) } }
        var started: pid_t = 0
        let result = posix_spawn(&started, path, &actions, &attributes, &argv, &envp)
        guard result == 0 else { throw BedError("cannot start \(program): errno \(result)") }
        pid = started
    }

    deinit { stop() }

    /// Kills it and everything in its group.
    func stop() {
        guard isRunning else { return }
        isRunning = false
        kill(-pid, SIGKILL)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }
}
