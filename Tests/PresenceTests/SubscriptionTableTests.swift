// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Testing

import struct NIOCore.ByteBuffer

@testable import Presence

@Suite struct SubscriptionTableTests {
    @Test(
        "RFC2779 5.3.2: a row knows its identifier by every octet and by its length",
        arguments: [1, 7, 8, 9, 15, 16, 17, 255]
    )
    func identifiers(length: Int) throws {
        var table = SubscriptionTable(listing: .byWatcher, now: 1)
        let row = table.insert(watcher: 0, presentity: 1)
        let octets = (0..<length).map { UInt8(truncatingIfNeeded: $0 * 37 | 1) }
        let id = try #require(SubscriptionID(ByteBuffer(bytes: octets)))
        table.set(id, of: row)
        #expect(table.id(of: row) == id)
        #expect(table.hasID(id, row))
        for place in octets.indices {
            var other = octets
            other[place] ^= 0x80
            #expect(!table.hasID(try #require(SubscriptionID(ByteBuffer(bytes: other))), row))
        }
        // Zeros behind an identifier are part of it.
        if length < 255 { #expect(!table.hasID(try #require(SubscriptionID(ByteBuffer(bytes: octets + [0]))), row)) }
        if length > 1 {
            let shorter = try #require(SubscriptionID(ByteBuffer(bytes: octets.dropLast())))
            #expect(!table.hasID(shorter, row))
            table.set(shorter, of: row)
            #expect(table.hasID(shorter, row) && !table.hasID(id, row))
        }
    }
}
