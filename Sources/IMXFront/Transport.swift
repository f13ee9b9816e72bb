// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel
package import IMXWire

package import struct NIOCore.ByteBuffer

/// Where a peer can be reached.
package struct PeerEndpoint: Sendable, Hashable, CustomStringConvertible {
    /// A host name or an address.
    package let host: String
    /// A port.
    package let port: UInt16

    /// Makes an endpoint.
    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// The octet streams under the front: sockets, or a simulated network in tests.
///
/// Confined to the event loop of the front. None of the calls reports back before it returns.
package protocol Transport: AnyObject {
    /// Who hears what happens to the connections.
    var delegate: (any TransportDelegate)? { get set }

    /// Starts to connect; `connected` or `closed` follows.
    func connect(to endpoint: PeerEndpoint, timeout: Interval) -> ConnectionHandle

    /// Writes and flushes octets.
    func write(_ octets: ByteBuffer, on connection: ConnectionHandle)

    /// Reads on, or stops reading.
    func setReading(_ isReading: Bool, on connection: ConnectionHandle)

    /// Closes the connection once what was written has left; `closed` follows.
    func close(_ connection: ConnectionHandle)

    /// Takes no new connections from now on.
    func stopListening()
}

/// What the front hears from its transport.
package protocol TransportDelegate: AnyObject {
    /// A peer has connected to us from `address`, which is numeric and without a port.
    func accepted(_ connection: ConnectionHandle, from address: String)

    /// A connection that we asked for stands.
    func connected(_ connection: ConnectionHandle)

    /// Octets have come. The buffer may be consumed; what is left is dropped.
    func received(_ octets: inout ByteBuffer, on connection: ConnectionHandle)

    /// The octets of one read burst have all been handed over.
    func readBurstEnded(on connection: ConnectionHandle)

    /// Writing makes sense, or does not make sense for the moment.
    func writabilityChanged(_ isWritable: Bool, on connection: ConnectionHandle)

    /// The connection is gone or never came to be, for a reason that people may read.
    func closed(_ connection: ConnectionHandle, reason: String)
}
