// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import NIOCore

/// One end of a connection whose peer says whatever the input says, and whose holder does so too.
enum ConnectionBody {
    static func run(_ octets: [UInt8]) throws(Violation) {
        var input = FuzzInput(octets)
        let setup = input.octet()
        let role: ConnectionRole = setup & 1 == 0 ? .acceptor : .dialler
        let now = Instant(nanoseconds: 1_000_000_000)
        var end = WatchedEnd(role, server: 2, settings: .fuzzed(setup >> 1), now: now)
        end.decidesAtOnce = input.flag()
        var peer = ConnectionPeer(role: role)
        if setup & 0x80 != 0 {
            try feed(peer.opening, to: &end)
            if setup & 0x40 != 0 { end.machine.markAuthenticated() }
        }
        while !input.isEmpty, !end.isOver { try step(&end, &peer, &input) }
        end.machine.transportClosed()
        try settle(&end)
        try hold(end.isOver, "the transport is gone and the connection is not")
    }

    private static func step(
        _ end: inout WatchedEnd,
        _ peer: inout ConnectionPeer,
        _ input: inout FuzzInput
    ) throws(Violation) {
        switch input.octet() & 0x0F {
        case 0: try feed(input.buffer(1 + input.number(below: 256)), to: &end)
        case 1, 2, 3: try feed(peer.record(&input), to: &end)
        case 4: try feed(peer.answer(&input, end.waiting.values.map(\.tag).sorted()), to: &end)
        case 5: try feed(ByteBuffer(repeating: input.octet(), count: input.number(below: 65_536)), to: &end)
        case 6: try feed(peer.opening, to: &end)
        case 7: end.decide(input.octet() != 0)
        case 8: try end.send(Request(type: input.pick(Request.types) ?? .message, content: input.piece()))
        case 9: end.answer(input.number(below: max(1, end.owed.count)), input.answer())
        case 10: if let cookie = input.pick(end.waiting.keys.sorted()) { end.abandon(cookie) }
        case 11:
            let until = end.now + .milliseconds(input.number(below: 65_536))
            try end.wait(until: until)
        case 12: act(&end, &input)
        case 13: try feed(peer.split(&input), to: &end)
        case 14: try feed(peer.rest(), to: &end)
        default: if input.octet() & 0x07 == 0 { end.machine.transportClosed() }
        }
        try settle(&end)
    }

    private static func act(_ end: inout WatchedEnd, _ input: inout FuzzInput) {
        end.allowance(256)
        switch input.number(below: 8) {
        case 0: end.machine.close(now: end.now)
        case 1: end.machine.abort(IMXError(.refused, "fuzzed", scope: .connection))
        case 2: end.machine.markAuthenticated()
        case 3: end.machine.vouch()
        case 4: end.machine.send(proof: Request.proof, now: end.now)
        case 5: end.machine.send(redirect: Request.redirect, now: end.now)
        default: end.machine.markAuthenticated()
        }
    }

    private static func feed(_ octets: ByteBuffer, to end: inout WatchedEnd) throws(Violation) {
        try end.receive(octets)
        try settle(&end)
    }

    private static func settle(_ end: inout WatchedEnd) throws(Violation) {
        try end.listen()
        _ = end.takeHeard()
        _ = try end.takeOutbound()
    }
}

extension ConnectionSettings {
    /// Settings of which small ones are reached soon.
    static func fuzzed(_ choice: UInt8) -> ConnectionSettings {
        var settings = ConnectionSettings()
        settings.grease = choice & 1 == 0
        settings.maxInflight = [256, 1, 2, 5][Int(choice >> 1 & 3)]
        settings.maxRecord = [65_536, 16_384, 20_000, 65_536][Int(choice >> 3 & 3)]
        return settings
    }
}

extension FuzzInput {
    mutating func answer() -> AnswerRecord {
        let code = OutcomeCode(rawValue: 2000 + UInt16(octet()) * 16)
        guard flag() else { return AnswerRecord(code) }
        var details = AnswerRecord.Details()
        details.text = buffer(number(below: 32))
        return AnswerRecord(code, details: details)
    }
}
