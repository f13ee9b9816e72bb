// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// One connection's octets, on the adapter's event loop. A test has its own.
package protocol ComponentTransport: AnyObject {
    /// Whether what is written now leaves soon.
    var isWritable: Bool { get }

    /// Writes and flushes.
    func write(_ octets: ByteBuffer)

    /// Stops or starts reading.
    func setReading(_ isReading: Bool)

    /// Closes the connection; `closed` follows unless it has come already.
    func close()
}

/// Whoever hears from a connection.
package protocol ComponentTransportUser: AnyObject {
    /// The connection stands.
    func connected(_ transport: any ComponentTransport)

    /// One read burst.
    func received(_ burst: [ByteBuffer])

    /// More can be written.
    func becameWritable()

    /// The connection is gone, or never stood. Comes once.
    func closed(_ reason: String)
}

/// Makes connections to the server.
package protocol ComponentDialer: AnyObject {
    /// Connects, and tells `user` how it went.
    func dial(_ user: any ComponentTransportUser)
}
