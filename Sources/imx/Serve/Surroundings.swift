// SPDX-License-Identifier: Apache-2.0
import Glibc
import Logging

/// What the process needs from the system it runs on.
enum Surroundings {
    /// Refuses to start where tables would be at the mercy of whoever chooses their keys (S42).
    static func check(environment: (String) -> String? = { getenv($0).map { String(cString: $0) } }) throws {
        guard environment("SWIFT_DETERMINISTIC_HASHING") == nil else {
            throw CommandFailure(
                "SWIFT_DETERMINISTIC_HASHING is set: strangers could then choose names that make every table slow\n"
                    + "    it is meant for debugging only; remove it from the environment and start again"
            )
        }
    }

    /// Descriptors for everything that is no connection to or from a peer: listeners, databases, logs, adapters.
    private static let otherDescriptors = 256

    /// Takes as many descriptors as the system gives, and says so where they are fewer than the connections allowed.
    static func makeRoom(for connections: Int, _ logger: Logger) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let wanted = rlim_t(connections + otherDescriptors)
        guard limit.rlim_max < wanted else { return }
        logger.warning(
            "fewer open files are allowed than limits.connections needs",
            metadata: [
                "allowed": "\(limit.rlim_max)", "needed": "\(wanted)", "remedy": "raise LimitNOFILE or ulimit -n",
            ]
        )
    }
}
