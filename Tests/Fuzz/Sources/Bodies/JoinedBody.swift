// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import NIOCore

/// Both ends of a connection and the wire between them, which loses nothing until it is cut.
///
/// Nothing that one end says is wrong to the other; each request is handed out at most once and ends once; and what a
/// peer is said not to have taken was never handed out, so that it may be sent elsewhere.
struct JoinedBody {
    private var ends: [WatchedEnd]
    /// What is on its way to each end.
    private var wires = [ByteBuffer(), ByteBuffer()]
    private var isCut = false
    /// The cookie of each request on its way to an end, by tag.
    private var travelling: [[UInt32: UInt64]] = [[:], [:]]
    /// The cookies of the requests that each end has handed out.
    private var handedOut: [Set<UInt64>] = [[], []]

    static func run(_ octets: [UInt8]) throws(Violation) {
        var input = FuzzInput(octets)
        var body = JoinedBody(&input)
        while !input.isEmpty, body.ends.contains(where: { !$0.isOver }) { try body.step(&input) }
        try body.finish()
    }

    private init(_ input: inout FuzzInput) {
        let setup = input.octet()
        let now = Instant(nanoseconds: 1_000_000_000)
        ends = [
            WatchedEnd(.dialler, server: 1, settings: .fuzzed(setup), now: now),
            WatchedEnd(.acceptor, server: 2, settings: .fuzzed(setup >> 3), now: now),
        ]
        if setup & 0x80 != 0 {
            for index in ends.indices { ends[index].machine.markAuthenticated() }
        }
    }

    private mutating func step(_ input: inout FuzzInput) throws(Violation) {
        let choice = input.octet()
        let side = Int(choice >> 7)
        switch choice & 0x0F {
        case 0, 1: try carry(to: side, 1 + input.number(below: 64))
        case 2, 3: try carry(to: side, .max)
        case 4, 5, 6: try send(from: side, &input)
        case 7, 8: ends[side].answer(input.number(below: max(1, ends[side].owed.count)), input.plainAnswer())
        case 9: if let cookie = input.pick(ends[side].waiting.keys.sorted()) { ends[side].abandon(cookie) }
        case 10: try pass(.milliseconds(input.number(below: 20_000)))
        case 11: for index in ends.indices { ends[index].machine.markAuthenticated() }
        case 12: if input.octet() & 3 == 0 { close(side) }
        case 13: if input.octet() & 7 == 0 { cut() }
        case 14: tell(from: side, input.octet())
        default:
            try carry(to: 0, .max)
            try carry(to: 1, .max)
        }
        try settle()
    }

    private mutating func send(from side: Int, _ input: inout FuzzInput) throws(Violation) {
        guard let type = input.pick(Request.types) else { return }
        let request = Request(type: type, content: input.piece().text)
        guard side == 0 || !request.isForAcceptor, let cookie = try ends[side].send(request),
            let tag = ends[side].waiting[cookie]?.tag
        else { return }
        travelling[1 - side][tag] = cookie
    }

    private mutating func tell(from side: Int, _ what: UInt8) {
        ends[side].allowance(256)
        if what & 1 == 0, side == 0 {
            ends[side].machine.send(proof: Request.proof, now: ends[side].now)
        } else {
            ends[side].machine.send(redirect: Request.redirect, now: ends[side].now)
        }
    }

    private mutating func close(_ side: Int) {
        ends[side].allowance(256)
        ends[side].machine.close(now: ends[side].now)
    }

    private mutating func cut() {
        isCut = true
        wires = [ByteBuffer(), ByteBuffer()]
        for index in ends.indices { ends[index].machine.transportClosed() }
    }

    private mutating func carry(to side: Int, _ count: Int) throws(Violation) {
        guard let piece = wires[side].readSlice(length: min(count, wires[side].readableBytes)),
            piece.readableBytes > 0
        else { return }
        try ends[side].receive(piece)
        try settle()
    }

    /// Takes what both ends say until they are quiet.
    private mutating func settle() throws(Violation) {
        for side in ends.indices {
            try ends[side].listen()
            for event in ends[side].takeHeard() { try check(event, at: side) }
            guard let octets = try ends[side].takeOutbound() else { continue }
            if !isCut { wires[1 - side].writeImmutableBuffer(octets) }
        }
    }

    private mutating func check(_ event: Inbound, at side: Int) throws(Violation) {
        switch event {
        case .message(let tag, _, _), .report(let tag, _, _), .subscribe(let tag, _, _), .notify(let tag, _, _),
            .get(let tag, _), .claim(let tag, _), .verify(let tag, _):
            guard let cookie = travelling[side].removeValue(forKey: tag) else {
                throw Violation("a request that nobody sent, or twice the same")
            }
            handedOut[side].insert(cookie)
        case .refused(let type, _, let error):
            throw Violation("type \(type.rawValue) of our own is refused: \(error.text)")
        case .unreadableAnswer(_, let error):
            throw Violation("an answer of our own cannot be read: \(error.text)")
        case .closed(.failed(let error)):
            // Time, and what strangers may send, are the wire's and the input's doing.
            try hold([.timedOut, .rateLimited].contains(error.code), "our own connection fails: \(error.text)")
        case .closed(.closedByPeer(let code)):
            try hold([.timedOut, .rateLimited].contains(code), "our own connection is closed with \(code)")
        case .dialled, .established, .answer, .pushAttributes, .proof, .redirect, .closing, .closed: break
        }
    }

    private mutating func pass(_ time: Interval) throws(Violation) {
        let until = ends[0].now + time
        for side in ends.indices { try ends[side].wait(until: until) }
        try settle()
    }

    /// Whatever has happened, a close at either end with a wire that carries ends both in time.
    private mutating func finish() throws(Violation) {
        close(0)
        for _ in 0..<80 where ends.contains(where: { !$0.isOver }) {
            try settle()
            for side in ends.indices {
                try carry(to: side, .max)
                while !ends[side].owed.isEmpty { ends[side].answer(0, AnswerRecord(.delivered)) }
            }
            try pass(.seconds(1))
        }
        for side in ends.indices {
            try hold(ends[side].isOver, "an end does not end")
            try hold(ends[side].machine.counters.strayRecords == 0, "our own answer answers nothing")
            // What the peer has not taken may be sent again elsewhere, and so must never have been handed out.
            let twice = handedOut[1 - side].intersection(ends[side].unhandled)
            try hold(twice.isEmpty, "\(twice.count) requests may be delivered twice")
        }
    }
}

extension ByteBuffer {
    /// The octets with those that are no ASCII replaced.
    fileprivate var text: ByteBuffer { ByteBuffer(bytes: readableBytesView.map { $0 & 0x3F | 0x20 }) }
}

extension FuzzInput {
    /// An answer that any peer can read.
    fileprivate mutating func plainAnswer() -> AnswerRecord {
        AnswerRecord(OutcomeCode(rawValue: 2000 + UInt16(octet()) * 16))
    }
}
