// SPDX-License-Identifier: Apache-2.0
import Configuration
import Dispatch
import EnvelopeModel
import Glibc
import Logging
import NIOCore
import NIOPosix
import Store
import Telemetry

/// Runs an aggregator from its start to its end in order.
enum Serve {
    /// Runs until SIGTERM or SIGINT, and then stops within the configured time. SIGHUP has the configuration read again.
    static func run(_ configuration: AggregatorConfiguration) throws {
        try Surroundings.check()
        let signals = blockSignals()
        let sink = LogSink()
        defer { sink.flush() }
        let levelSwitch = LevelSwitch(Logger.Level(rawValue: configuration.logLevel) ?? .info)
        let logger = makeLogger(configuration, sink, levelSwitch)
        Surroundings.makeRoom(for: configuration.limits.connections, logger)
        let state = try StateDirectory(configuration)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let node: NIOLoopBound<Node>
        do {
            node = try loop.submit {
                let node = try Node(
                    configuration,
                    state: state,
                    logger: logger,
                    levelSwitch: levelSwitch,
                    eventLoop: loop
                )
                return NIOLoopBound(node, eventLoop: loop)
            }.wait()
        } catch let error as any CustomStringConvertible {
            throw CommandFailure(error.description)
        }
        try listen(node, configuration, loop)
        let reloader = Reloader(path: configuration.file, node: node, eventLoop: loop, logger: logger)
        loop.execute { node.value.control.reloader = reloader }
        let control = try startControl(node, configuration, loop)
        loop.execute { node.value.start() }
        logger.notice("started", metadata: ["name": "\(configuration.name)", "version": "\(Version.number)"])

        var signal = wait(for: signals)
        while signal == SIGHUP {
            reloader.reload { _ in }
            signal = wait(for: signals)
        }
        logger.notice("stopping", metadata: ["signal": "\(signal)"])
        control.stop()
        reloader.stop()
        stop(node, within: configuration.stopWithin, loop)
        try? group.syncShutdownGracefully()
        logger.notice("stopped")
    }

    private static func makeLogger(
        _ configuration: AggregatorConfiguration,
        _ sink: LogSink,
        _ levelSwitch: LevelSwitch
    ) -> Logger {
        Logger(label: configuration.name) { _ in
            LineLogHandler(
                sink: sink,
                form: configuration.logsJSON ? .json : .text,
                level: levelSwitch
            )
        }
    }

    private static func listen(
        _ node: NIOLoopBound<Node>,
        _ configuration: AggregatorConfiguration,
        _ loop: any EventLoop
    ) throws {
        if let socket = try loop.submit({ node.value.nodeSocket }).wait(), (try? ControlClient(path: socket)) != nil {
            throw CommandFailure(
                "another node of this number already answers at \(socket)\n"
                    + "    give each process a \"node.number\" of its own"
            )
        }
        do {
            try loop.flatSubmit { node.value.joinNodes() }.wait()
        } catch {
            throw CommandFailure(
                "cannot listen in the node's socket-directory: \(error)\n"
                    + "    make the directory for the user that runs imx, or change \"node.socket-directory\""
            )
        }
        for endpoint in configuration.listen {
            do {
                let port = try loop.flatSubmit { node.value.listen(on: endpoint) }.wait()
                loop.execute { node.value.logListening(endpoint.host, port) }
            } catch {
                throw CommandFailure(
                    "cannot listen on \(endpoint): \(error)\n"
                        + "    is another program using the port? change \"listen\" in \(configuration.file)"
                )
            }
        }
    }

    private static func startControl(
        _ node: NIOLoopBound<Node>,
        _ configuration: AggregatorConfiguration,
        _ loop: any EventLoop
    ) throws -> ControlServer {
        let handler = try loop.submit {
            NIOLoopBound(node.value.control as any ControlHandler, eventLoop: loop)
        }.wait()
        do {
            return try ControlServer.start(path: configuration.controlSocket, on: loop, handler: handler)
        } catch let failure as ControlServer.Failure {
            throw CommandFailure(failure.description)
        }
    }

    /// Lets what is in flight finish, and waits for it.
    private static func stop(_ node: NIOLoopBound<Node>, within time: Interval, _ loop: any EventLoop) {
        let stopped = DispatchSemaphore(value: 0)
        loop.execute { node.value.stop(within: time) { stopped.signal() } }
        // The node keeps its own deadline; this is for the case that it does not.
        _ = stopped.wait(timeout: .now() + .nanoseconds(Int(time.nanoseconds)) + .seconds(2))
        loop.execute { node.value.closeBooks() }
    }

    // MARK: Signals

    /// Keeps the signals that end the program from every thread, so that this one can wait for them.
    private static func blockSignals() -> sigset_t {
        signal(SIGPIPE, SIG_IGN)
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, number) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        return signals
    }

    private static func wait(for signals: sigset_t) -> Int32 {
        var signals = signals
        var signal: Int32 = 0
        while sigwait(&signals, &signal) != 0 {}
        return signal
    }
}
