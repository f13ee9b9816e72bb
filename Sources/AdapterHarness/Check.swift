// SPDX-License-Identifier: Apache-2.0
import AdapterKit

/// One fact that must hold for every adapter.
struct Check: Sendable {
    let id: String
    let title: String
    let requirements: [String]
    let hint: String
    /// What the service must be able to do for it.
    let needs: [Ability]
    /// What the adapter must declare for it.
    let capabilities: [Capability]
    /// How many unsettled submissions make the core pause the adapter.
    let submissionWindow: Int
    let run: @Sendable (Bench) async throws -> Void

    init(
        _ id: String,
        _ title: String,
        proves requirements: String...,
        needs: [Ability] = [],
        capabilities: [Capability] = [],
        submissionWindow: Int = 8192,
        hint: String,
        run: @escaping @Sendable (Bench) async throws -> Void
    ) {
        self.init(
            id,
            title,
            proving: requirements,
            needs: needs,
            capabilities: capabilities,
            submissionWindow: submissionWindow,
            hint: hint,
            run: run
        )
    }

    init(
        _ id: String,
        _ title: String,
        proving requirements: [String],
        needs: [Ability],
        capabilities: [Capability],
        submissionWindow: Int = 8192,
        hint: String,
        run: @escaping @Sendable (Bench) async throws -> Void
    ) {
        self.id = id
        self.title = title
        self.requirements = requirements
        self.needs = needs
        self.capabilities = capabilities
        self.submissionWindow = submissionWindow
        self.hint = hint
        self.run = run
    }

    /// Why the check cannot be tried; nil where it can.
    func obstacle(_ subject: any Subject, _ descriptor: AdapterDescriptor) -> String? {
        for capability in capabilities where !descriptor.capabilities.contains(capability) {
            return "the adapter does not declare \(capability.rawValue)"
        }
        for ability in needs {
            if let reason = subject.limitations[ability] { return reason }
        }
        return nil
    }

    /// All checks, in the order in which an author best mends what they find.
    static let all =
        identity + outcomes + order + repeats + confinement + content + capabilities + presence + attributes + bounds
        + link + linkPresence + stop
}

/// What a check throws when something was not as it must be.
struct CheckFailure: Error {
    let expected: String
    let seen: String
}

/// What a check throws when it finds that it cannot be tried.
struct CheckObstacle: Error {
    let reason: String
}
