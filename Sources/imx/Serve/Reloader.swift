// SPDX-License-Identifier: Apache-2.0
import Configuration
import Dispatch
import IMXFront
import Logging
import NIOCore

/// Reads the configuration again while the aggregator runs: the whole file is checked before anything changes, and what
/// stands goes on standing.
final class Reloader: Sendable {
    private let path: String
    private let node: NIOLoopBound<Node>
    private let eventLoop: any EventLoop
    private let logger: Logger
    /// Files are read here, one reload after the other; never on the event loop.
    private let queue = DispatchQueue(label: "imx.reload")

    init(path: String, node: NIOLoopBound<Node>, eventLoop: any EventLoop, logger: Logger) {
        self.path = path
        self.node = node
        self.eventLoop = eventLoop
        self.logger = logger
    }

    /// Reads and applies the file; `completion` runs on the event loop.
    func reload(completion: @escaping @Sendable (ReloadReport) -> Void) {
        queue.async { [self] in
            do {
                let new = try AggregatorConfiguration.load(path: path, adapters: CompiledAdapters.schemas)
                // One after the other, so that an older file never overtakes a newer one.
                try eventLoop.submit { [self] in take(new, completion) }.wait()
            } catch let error as ConfigurationError {
                let problems = error.problems.map(\.description)
                eventLoop.execute { [self] in finish(ReloadReport(problems: problems), completion) }
            } catch {
                eventLoop.execute { [self] in finish(ReloadReport(problems: ["\(error)"]), completion) }
            }
        }
    }

    private func take(_ new: AggregatorConfiguration, _ completion: @escaping @Sendable (ReloadReport) -> Void) {
        let report = node.value.apply(new)
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
        if report.problems.isEmpty { logger.notice("configuration read", metadata: ["file": "\(path)"]) }
        completion(report)
    }
}
