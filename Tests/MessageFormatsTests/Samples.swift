// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import MessageFormats

func address(_ text: String) throws -> Address { try #require(Address(text)) }

func octets(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

/// The entity of `parts` from alice to bob, and what was lost.
func written(_ parts: [BodyPart], from: String = "alice@a.example") throws -> (text: String, losses: [String]) {
    var out = ByteBuffer()
    let losses = MIMEEntity.write(
        body: .parts(parts),
        from: try address(from),
        to: try address("bob@b.example"),
        into: &out
    )
    return (String(buffer: out), losses.map(\.feature))
}

func read(_ text: String) throws -> MIMEEntity { try MIMEEntity(reading: octets(text)) }
