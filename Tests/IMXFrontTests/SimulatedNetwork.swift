// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Discovery
import EnvelopeModel
import IMXFront
import IMXWire
import NIOCore
import TestSupport
import TransportSecurity

/// TCP without sockets: octet streams between transports, on a virtual clock, in chunks of random size, which a test
/// can cut at any step.
final class SimulatedNetwork {
    let scheduler: VirtualScheduler
    var generator: SeededGenerator
    var latency = Interval.milliseconds(1)
    /// What a chunk may take beyond that; those of one stream and direction keep their order whatever they take.
    var jitter = Interval.zero
    /// Whether octets and new connections get from one host to another.
    var reaches: (Int, Int) -> Bool = { _, _ in true }
    /// The longest chunk that arrives at once; streams are cut into random pieces up to this.
    var longestChunk = 4096
    /// How many chunks have arrived.
    private(set) var arrivals = 0
    /// The arrivals at which the connection concerned is cut instead.
    var cuts: Set<Int> = []
    /// The places that were dialled, reached or not, and those that were reached.
    private(set) var tried: [PeerEndpoint] = []
    private(set) var dialled: [PeerEndpoint] = []
    /// The names that were asked for by SNI.
    private(set) var askedFor: [String] = []
    private var listeners: [PeerEndpoint: SimulatedTransport] = [:]
    private var streams: [UInt64: Stream] = [:]
    private var lastStream: UInt64 = 0

    struct Stream {
        var ends: [End]
        /// Whether octets were lost on the way, so that nothing arrives any more and nobody is told.
        var isStalled = false
    }

    struct End {
        let transport: SimulatedTransport
        let handle: ConnectionHandle
        /// When the last of what this end has sent arrives.
        var lastArrival = Instant.start
    }

    init(scheduler: VirtualScheduler, seed: UInt64) {
        self.scheduler = scheduler
        generator = SeededGenerator(seed: seed)
    }

    func listen(_ transport: SimulatedTransport, on endpoint: PeerEndpoint) {
        listeners[endpoint] = transport
    }

    func stopListening(_ transport: SimulatedTransport) {
        listeners = listeners.filter { $0.value !== transport }
    }

    /// Takes a host off the network: its connections break and nobody listens there any more.
    func remove(_ transport: SimulatedTransport) {
        listeners = listeners.filter { $0.value !== transport }
        for (id, stream) in streams where stream.ends.contains(where: { $0.transport === transport }) {
            cut(id)
        }
    }

    /// How many connections were ever made.
    var opened: UInt64 { lastStream }

    var openStreams: Int { streams.count }

    /// How many connections were ever made between each two hosts.
    private(set) var openedBetween: [Set<Int>: Int] = [:]

    /// The streams that are open, in the order of their making.
    var streamIDs: [UInt64] { streams.keys.sorted() }

    /// From now on nothing arrives on the stream, and nobody is told.
    func stall(_ id: UInt64) { streams[id]?.isStalled = true }

    /// Breaks what nothing arrives on any more, as the systems at its ends do in the end.
    func cutStalled() {
        for id in streamIDs where streams[id]?.isStalled == true { cut(id) }
    }

    func cutAll() {
        for id in streamIDs { cut(id) }
    }

    func cut(_ id: UInt64) {
        guard let stream = streams.removeValue(forKey: id) else { return }
        for end in stream.ends {
            scheduler.schedule(after: .zero) { end.transport.lost(end.handle, "cut by the test") }
        }
    }

    func open(
        from transport: SimulatedTransport,
        _ handle: ConnectionHandle,
        to endpoint: PeerEndpoint,
        serverName: Domain
    ) {
        tried.append(endpoint)
        if endpoint.usesTLS { askedFor.append(serverName.name) }
        scheduler.schedule(after: latency) { [self] in
            guard let listener = listeners[endpoint], reaches(transport.number, listener.number) else {
                return transport.lost(handle, "connection refused")
            }
            lastStream += 1
            openedBetween[[transport.number, listener.number], default: 0] += 1
            let far = listener.newHandle(stream: lastStream)
            let address = Internet.address(transport.number)
            if endpoint.usesTLS, listener.delegate?.maySpeakTLS(far, from: address) == false {
                listener.streams[far] = nil
                return transport.lost(handle, "the peer closed the connection during the TLS handshake")
            }
            transport.streams[handle] = lastStream
            streams[lastStream] = Stream(
                ends: [End(transport: transport, handle: handle), End(transport: listener, handle: far)])
            dialled.append(endpoint)
            let acceptor =
                endpoint.usesTLS
                ? ConnectionSecurity(version: "TLSv1.3", serverName: serverName.name, exporter: exporter(lastStream, 1))
                : nil
            listener.delegate?.accepted(far, from: address, security: acceptor)
            let shown = SimulatedCertificate(names: listener.certificates[serverName.name] ?? [])
            let dialler =
                endpoint.usesTLS
                ? ConnectionSecurity(version: "TLSv1.3", peer: shown, exporter: exporter(lastStream, 2)) : nil
            transport.delegate?.connected(handle, security: dialler)
        }
    }

    /// Whether TLS sessions can be bound to, and whether somebody sits in the middle of each, with one session to either
    /// end.
    var hasExporter = true
    var hasMiddleman = false

    private func exporter(_ stream: UInt64, _ end: UInt64) -> ByteBuffer? {
        guard hasExporter else { return nil }
        var octets = ByteBuffer()
        octets.writeMultipleIntegers(stream, hasMiddleman ? end : 0, 0 as UInt64, 0 as UInt64)
        return octets
    }

    /// Sees what is sent: the connection, the number of the sender, the octets.
    var recorder: ((UInt64, Int, ByteBuffer) -> Void)?

    func send(_ octets: ByteBuffer, on id: UInt64, from sender: SimulatedTransport) {
        recorder?(id, sender.number, octets)
        var octets = octets
        while octets.readableBytes > 0 {
            let length = min(octets.readableBytes, Int.random(in: 1...longestChunk, using: &generator))
            guard let chunk = octets.readSlice(length: length) else { return }
            scheduler.schedule(after: transit(on: id, from: sender)) { [self] in arrive(chunk, on: id, from: sender) }
        }
    }

    /// How long what is sent now is on its way: never so short that it would overtake what was sent before.
    private func transit(on id: UInt64, from sender: SimulatedTransport) -> Interval {
        guard let place = streams[id]?.ends.firstIndex(where: { $0.transport === sender }) else { return latency }
        var time = scheduler.now + latency
        if jitter > .zero {
            time = time + Interval(nanoseconds: Int64.random(in: 0...jitter.nanoseconds, using: &generator))
        }
        time = max(time, streams[id]?.ends[place].lastArrival ?? time)
        streams[id]?.ends[place].lastArrival = time
        return time - scheduler.now
    }

    private func arrive(_ chunk: ByteBuffer, on id: UInt64, from sender: SimulatedTransport) {
        guard let stream = streams[id], let end = stream.ends.first(where: { $0.transport !== sender }) else { return }
        arrivals += 1
        if cuts.contains(arrivals) { return cut(id) }
        if stream.isStalled || !reaches(sender.number, end.transport.number) { return stall(id) }
        var chunk = chunk
        end.transport.delegate?.received(&chunk, on: end.handle)
        end.transport.delegate?.readBurstEnded(on: end.handle)
    }

    func close(_ id: UInt64, by transport: SimulatedTransport) {
        scheduler.schedule(after: transit(on: id, from: transport)) { [self] in
            guard let stream = streams.removeValue(forKey: id) else { return }
            for end in stream.ends { end.transport.lost(end.handle, "closed") }
        }
    }
}

/// A certificate that is good for the domains that it names.
struct SimulatedCertificate: PeerCertificate {
    let names: Set<String>

    func refusal(for domain: Domain, host: PeerService.Host?, security: PeerService.Security, time: Int64) -> String? {
        names.contains(domain.name) ? nil : "the certificate is not for \(domain)"
    }

    var summary: String { names.sorted().joined(separator: ",") }
}

/// One host on the simulated network.
final class SimulatedTransport: Transport {
    weak var delegate: (any TransportDelegate)?
    /// The names in the certificate that is shown to those who ask for a domain.
    var certificates: [String: Set<String>] = [:]
    let network: SimulatedNetwork
    let number: Int
    var streams: [ConnectionHandle: UInt64] = [:]
    private var lastHandle: UInt64 = 0

    init(network: SimulatedNetwork, number: Int) {
        self.network = network
        self.number = number
    }

    func newHandle(stream: UInt64?) -> ConnectionHandle {
        lastHandle += 1
        let handle = ConnectionHandle(rawValue: lastHandle)
        if let stream { streams[handle] = stream }
        return handle
    }

    func connect(to endpoint: PeerEndpoint, serverName: Domain, timeout: Interval) -> ConnectionHandle {
        let handle = newHandle(stream: nil)
        network.open(from: self, handle, to: endpoint, serverName: serverName)
        return handle
    }

    func write(_ octets: ByteBuffer, on connection: ConnectionHandle) {
        guard let stream = streams[connection] else { return }
        network.send(octets, on: stream, from: self)
    }

    /// The connections that are not read from.
    private(set) var unread: Set<ConnectionHandle> = []

    func setReading(_ isReading: Bool, on connection: ConnectionHandle) {
        if isReading { unread.remove(connection) } else { unread.insert(connection) }
    }

    func close(_ connection: ConnectionHandle) {
        guard let stream = streams[connection] else { return }
        network.close(stream, by: self)
    }

    func stopListening() { network.stopListening(self) }

    func lost(_ handle: ConnectionHandle, _ reason: String) {
        streams[handle] = nil
        delegate?.closed(handle, reason: reason)
    }
}
