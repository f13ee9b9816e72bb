// SPDX-License-Identifier: Apache-2.0

extension AggregatorConfiguration {
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
        for adapter in made {
            let now = other.adapters.first { $0.name == adapter.name }
            let isSame = now.map { $0.kind == adapter.kind && $0.settings.saysTheSame(as: adapter.settings) }
            check("adapters.\(adapter.name)", isSame ?? false)
        }
        return keys
    }
}
