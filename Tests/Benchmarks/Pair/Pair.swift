// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import Aggregator
import Discovery
import EnvelopeModel
import Foundation
import IMXFront
import IMXWire
import Logging
import NIOCore
import NIOPosix
import Store

/// One aggregator of a pair, whole but for its adapters: core, front, dial-back, sockets.
///
/// `imx-pair source LISTEN PEER` hosts a.example and sends to b.example what its standard input orders;
/// `imx-pair sink LISTEN PEER` hosts b.example and takes everything. Ports are on 127.0.0.1.
@main
enum Pair {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4, let listen = UInt16(arguments[2]), let peer = UInt16(arguments[3]),
            let own = Domain(arguments[1] == "source" ? "a.example" : "b.example"),
            let other = Domain(arguments[1] == "source" ? "b.example" : "a.example")
        else {
            print("usage: imx-pair source|sink LISTEN PEER")
            exit(2)
        }
        let isSource = arguments[1] == "source"
        let eventLoop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
        let side = try eventLoop.submit {
            NIOLoopBound(
                try Side(own: own, other: other, peer: peer, isSource: isSource, eventLoop: eventLoop),
                eventLoop: eventLoop
            )
        }.wait()
        _ = try eventLoop.flatSubmit { side.value.listen(on: listen) }.wait()
        print("{\"ready\": true}")
        fflush(nil)
        while let line = readLine() {
            let words = line.split(separator: " ").compactMap { Int($0) }
            guard isSource, words.count == 3 else { continue }
            let promise = eventLoop.makePromise(of: String.self)
            eventLoop.execute {
                side.value.run(count: words[0], window: words[1], rate: words[2]) { promise.succeed($0) }
            }
            print(try promise.futureResult.wait())
            fflush(nil)
        }
    }
}

/// What one process of the pair is made of. Confined to its event loop.
final class Side {
    private let core: AggregatorCore
    private let transport: SocketTransport
    private var source: LoadSource?

    init(own: Domain, other: Domain, peer: UInt16, isSource: Bool, eventLoop: any EventLoop) throws {
        var logger = Logger(label: "imx-pair")
        logger.logLevel = .error
        let scheduler = EventLoopScheduler(eventLoop: eventLoop)
        var generator = SystemRandomNumberGenerator()
        let serverID = ServerID(high: generator.next(), low: generator.next())
        var directory = DomainDirectory()
        directory[own] = DomainDirectory.Row(
            domainClass: DomainClass(laneLimits: LaneLimits(messages: 4096, octets: 8 << 20)),
            adapter: "load"
        )
        core = AggregatorCore(
            settings: CoreSettings(name: own.name, serverID: serverID),
            directory: directory,
            scheduler: scheduler,
            repeatWindow: try RepeatWindow(path: nil, now: scheduler.now),
            logger: logger
        )
        transport = SocketTransport(eventLoop: eventLoop, maximumConnections: 16)
        let transport = transport
        var settings = FrontSettings(serverID: serverID)
        settings.connection.maxInflight = 4096  // the default of the configuration
        core.attach(named: "imx", authority: .network) { host in
            IMXFront(
                host: host,
                settings: settings,
                transport: transport,
                resolver: StaticPeerTable([
                    other: PeerService(configured: [PeerEndpoint(host: "127.0.0.1", port: peer)])
                ]),
                isHosted: { $0 == own }
            )
        }
        if isSource {
            source = core.attach(named: "load") { LoadSource(host: $0) }
        } else {
            core.attach(named: "load") { LoadSink(host: $0) }
        }
        core.start()
    }

    func listen(on port: UInt16) -> EventLoopFuture<UInt16> {
        transport.listen(on: PeerEndpoint(host: "127.0.0.1", port: port))
    }

    func run(count: Int, window: Int, rate: Int, _ completion: @escaping (String) -> Void) {
        source?.run(count: count, window: window, rate: rate, completion)
    }
}
