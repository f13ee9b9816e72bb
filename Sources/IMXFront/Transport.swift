// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel
package import IMXWire
package import TransportSecurity

package import struct NIOCore.ByteBuffer

/// Where a peer can be reached.
package struct PeerEndpoint: Sendable, Hashable, CustomStringConvertible {
    /// A host name or an address.
    package let host: String
    /// A port.
    package let port: UInt16
    /// Whether the port speaks TLS from its first octet.
    package let usesTLS: Bool

    /// Makes an endpoint.
    package init(host: String, port: UInt16, usesTLS: Bool = false) {
        self.host = host
        self.port = port
        self.usesTLS = usesTLS
    }

    package var description: String {
        (usesTLS ? "tls://" : "") + (host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)")
    }
}

/// The octet streams under the front: sockets, or a simulated network in tests.
///
/// Confined to the event loop of the front. None of the calls reports back before it returns.
package protocol Transport: AnyObject {
    /// Who hears what happens to the connections.
    var delegate: (any TransportDelegate)? { get set }

    /// Starts to connect, and where the endpoint speaks TLS to shake hands, asking for `serverName`; `connected` or
    /// `closed` follows. The timeout is for both.
    func connect(to endpoint: PeerEndpoint, serverName: Domain, timeout: Interval) -> ConnectionHandle

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
    /// A peer has connected to us from `address`, which is numeric and without a port; where the port speaks TLS, the
    /// handshake is over and `security` says what came of it.
    func accepted(_ connection: ConnectionHandle, from address: String, security: ConnectionSecurity?)

    /// A peer has connected from `address` to a port that speaks TLS. False where no handshake is to begin with it, and
    /// then nothing more is said of the connection; else `accepted` or `refused` follows.
    func maySpeakTLS(_ connection: ConnectionHandle, from address: String) -> Bool

    /// A peer that connected from `address` got no further: its handshake failed, or it spoke TLS where none is spoken.
    /// Nothing else is ever said of a connection that was not accepted.
    func refused(_ connection: ConnectionHandle, from address: String, for failure: TLSFailure)

    /// The handshake of a connection that we asked for failed; `closed` follows.
    func refused(_ connection: ConnectionHandle, for failure: TLSFailure)

    /// A connection that we asked for stands, handshake included.
    func connected(_ connection: ConnectionHandle, security: ConnectionSecurity?)

    /// Octets have come. The buffer may be consumed; what is left is dropped.
    func received(_ octets: inout ByteBuffer, on connection: ConnectionHandle)

    /// The octets of one read burst have all been handed over.
    func readBurstEnded(on connection: ConnectionHandle)

    /// Writing makes sense, or does not make sense for the moment.
    func writabilityChanged(_ isWritable: Bool, on connection: ConnectionHandle)

    /// The connection is gone or never came to be, for a reason that people may read.
    func closed(_ connection: ConnectionHandle, reason: String)
}

extension TransportDelegate {
    /// Lets everybody.
    package func maySpeakTLS(_ connection: ConnectionHandle, from address: String) -> Bool { true }

    /// Does nothing.
    package func refused(_ connection: ConnectionHandle, from address: String, for failure: TLSFailure) {}

    /// Does nothing.
    package func refused(_ connection: ConnectionHandle, for failure: TLSFailure) {}
}
