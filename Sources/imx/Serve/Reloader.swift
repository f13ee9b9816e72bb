// SPDX-License-Identifier: Apache-2.0
import Configuration
import Dispatch
import IMXFront
import Logging
import NIOCore
import Policy
import Synchronization

/// Reads the configuration again while the aggregator runs: the whole file is checked before anything changes, and what
/// stands goes on standing.
final class Reloader: Sendable {
    private struct State {
        var waiting: [@Sendable (ReloadReport) -> Void] = []
        var isStopped = false
    }

    private let path: String
    private let node: NIOLoopBound<Node>
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let state = Mutex(State())
    /// Files are read here, one reload after the other; never on the event loop.
    private let queue = DispatchQueue(label: "imx.reload")

    init(path: String, node: NIOLoopBound<Node>, eventLoop: any EventLoop, logger: Logger) {
        self.path = path
        self.node = node
        self.eventLoop = eventLoop
        self.logger = logger
    }

    /// Reads and applies the file; `completion` runs on the event loop. Requests that come while one is under way are
    /// one more reload together.
    func reload(completion: @escaping @Sendable (ReloadReport) -> Void) {
        let isFirst = state.withLock { state in
            guard !state.isStopped else { return false }
            state.waiting.append(completion)
            return state.waiting.count == 1
        }
        if isFirst { queue.async { self.run() } }
    }

    /// Begins no further reload, and waits for the one under way. To be called while the event loop still runs, and not
    /// on it.
    func stop() {
        state.withLock { $0.isStopped = true }
        queue.sync {}
    }

    private func run() {
        let (completions, isStopped) = state.withLock { state in
            defer { state.waiting = [] }
            return (state.waiting, state.isStopped)
        }
        guard !isStopped, !completions.isEmpty else { return }
        let done = DispatchSemaphore(value: 0)
        let result = Result {
            let new = try AggregatorConfiguration.load(path: path, adapters: CompiledAdapters.schemas)
            return (configuration: new, tables: PolicyTables(new))
        }
        eventLoop.execute { [self] in
            let completion: @Sendable (ReloadReport) -> Void = { report in
                for completion in completions { completion(report) }
                done.signal()
            }
            switch result {
            case .success(let new): take(new.configuration, new.tables, completion)
            case .failure(let error as ConfigurationError):
                finish(ReloadReport(problems: error.problems.map(\.description)), completion)
            case .failure(let error): finish(ReloadReport(problems: ["\(error)"]), completion)
            }
        }
        done.wait()
    }

    private func take(
        _ new: AggregatorConfiguration,
        _ tables: PolicyTables,
        _ completion: @escaping @Sendable (ReloadReport) -> Void
    ) {
        let report = node.value.apply(new, tables)
        guard report.problems.isEmpty else { return finish(report, completion) }
        node.value.reloadCertificates { [self] certificates in
            var report = report
            if certificates.readCount > 0 { report.changes.append("certificates: \(certificates.readCount) read") }
            report.certificateProblems = certificates.problems
            finish(report, completion)
        }
    }

    private func finish(_ report: ReloadReport, _ completion: (ReloadReport) -> Void) {
        for problem in report.problems {
            logger.error("the configuration was not taken over", metadata: ["reason": "\(problem)"])
        }
        for problem in report.certificateProblems {
            logger.error("certificates", metadata: ["problem": "\(problem)"])
        }
        for change in report.changes { logger.notice("configuration", metadata: ["change": "\(change)"]) }
        if !report.waiting.isEmpty {
            logger.warning(
                "some changes wait for the next start",
                metadata: ["keys": "\(report.waiting.joined(separator: ", "))"]
            )
        }
        node.value.control.note(report)
        if report.problems.isEmpty { logger.notice("configuration read", metadata: ["file": "\(path)"]) }
        completion(report)
    }
}
