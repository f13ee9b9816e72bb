// SPDX-License-Identifier: Apache-2.0
public import struct NIOCore.ByteBuffer

/// Since when nobody has touched a device, as RPID says it in a tuple (RFC 4480 §3.14).
public enum UserInput {
    /// The namespace of RPID.
    public static let namespace = "urn:ietf:params:xml:ns:pidf:rpid"

    private static let start: StaticString = """
        <user-input xmlns="urn:ietf:params:xml:ns:pidf:rpid" last-input="
        """

    /// The element for a device that was last touched at `time`; nil where that is no RFC 3339 text.
    public static func element(lastInput time: String) -> ByteBuffer? {
        guard RFC3339Time(time) != nil else { return nil }
        var octets = ByteBuffer(staticString: start)
        octets.writePIDFValue(time)
        octets.writeStaticString("\">idle</user-input>")
        return octets
    }

    /// Whether `element` begins as those begin that are written here.
    static func isOne(_ element: ByteBuffer) -> Bool {
        element.readableBytesView.starts(
            with: UnsafeBufferPointer(start: start.utf8Start, count: start.utf8CodeUnitCount)
        )
    }
}
