// SPDX-License-Identifier: Apache-2.0

extension AggregatorConfiguration {
    /// Whether `other` has other budgets, exemptions or members of classes.
    package func saysOtherwiseOfSpam(than other: AggregatorConfiguration) -> Bool {
        var (before, now) = (spam, other.spam)
        (before.remembered, now.remembered) = (0, 0)
        return before != now || classes.mapValues(\.budgets) != other.classes.mapValues(\.budgets)
            || classes.mapValues(\.members) != other.classes.mapValues(\.members)
    }

    /// The keys that differ in `other` and that a running aggregator cannot take over: they wait for its next start.
    ///
    /// - Parameter made: What the adapters that there are were made with.
    package func waitsForRestart(in other: AggregatorConfiguration, adapters made: [AdapterSection]) -> [String] {
        var keys: [String] = []
        func check(_ key: String, _ isSame: Bool) { if !isSame { keys.append(key) } }
        check("name", name == other.name)
        check("listen", listen == other.listen)
        check("state-directory", stateDirectory == other.stateDirectory)
        check("control-socket", controlSocket == other.controlSocket)
        check("stop-within", stopWithin == other.stopWithin)
        check("log.format", logsJSON == other.logsJSON)
        check("limits", limits == other.limits)
        check("timeouts", timeouts == other.timeouts)
        check("dns", dns == other.dns)
        check("tls", tls == other.tls)
        check("node", node == other.node)
        check("spam.remembered", spam.remembered == other.spam.remembered)
        for adapter in made {
            let now = other.adapters.first { $0.name == adapter.name }
            let isSame = now.map { $0.kind == adapter.kind && $0.settings.saysTheSame(as: adapter.settings) }
            check("adapters.\(adapter.name)", isSame ?? false)
        }
        return keys
    }
}
