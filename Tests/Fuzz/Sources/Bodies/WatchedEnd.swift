// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import NIOCore

/// One end of a connection, and whoever holds it, who checks every promise of ``ConnectionMachine`` on the way.
struct WatchedEnd {
    var machine: ConnectionMachine
    private(set) var now: Instant
    let started: Instant
    /// Whether a dialled domain is accepted as soon as it is known.
    var decidesAtOnce = true

    /// Requests that were handed out and are to be answered.
    private(set) var owed: [(type: RecordType, tag: UInt32)] = []
    /// What was sent and has no answer, by its cookie; and whether it was given up.
    private(set) var waiting: [UInt64: (tag: UInt32, isAbandoned: Bool)] = [:]
    private var heard: [Inbound] = []
    private var nextCookie: UInt64 = 1
    /// How the connection ended.
    private(set) var ending: ConnectionEnd?
    private var isDecided = false
    private(set) var isEstablished = false
    /// The cookies that the peer has not taken, once the connection is over.
    private(set) var unhandled: [UInt64] = []
    /// How often the peer may still be answered, by type and tag.
    private var mayAnswer: [UInt64: Int] = [:]
    private var arriving = ArrivingRecords()
    private var departing = ArrivingRecords()
    private var isChecked = false
    private var saidHello = false
    private var saidLast = false
    private var fed = 0
    private var said = 0
    private var own = 0

    init(_ role: ConnectionRole, server: UInt64, settings: ConnectionSettings, now: Instant) {
        let hello = HelloRecord(
            serverID: ServerID(high: server, low: 0),
            nonce: ConnectionNonce(server, 1, 2, 3),
            dialled: role == .dialler ? ByteBuffer(string: "b.example") : nil
        )
        machine = ConnectionMachine(role, hello: hello, settings: settings, tagSpace: UInt32(server), now: now)
        self.now = now
        started = now
    }

    var isOver: Bool { ending != nil }

    /// Hands octets of the peer in, and gives back what is to be written.
    mutating func receive(_ octets: ByteBuffer) throws(Violation) {
        fed += octets.readableBytes
        // What the peer asks, by our own reading of its octets; the machine may take less of it, never more.
        for (header, _) in arriving.take(octets) where header.flags.contains(.request) {
            mayAnswer[key(header.type, header.tag), default: 0] += 1
        }
        var octets = octets
        machine.receive(&octets, now: now)
        try hold(octets.readableBytes == 0, "octets were left in the reader's buffer")
    }

    /// Takes every event, checks it and keeps it for ``takeHeard()``.
    mutating func listen() throws(Violation) {
        while let event = machine.next(now: now) {
            try hold(!isOver, "something is said after the end")
            try note(event)
            heard.append(event)
        }
        try checkNumbers()
        if isOver, !isChecked {
            isChecked = true
            try checkEnd()
        }
    }

    /// The events since the last time.
    mutating func takeHeard() -> [Inbound] {
        defer { heard = [] }
        return heard
    }

    private mutating func note(_ event: Inbound) throws(Violation) {
        switch event {
        case .dialled:
            try hold(machine.role == .acceptor && !isDecided, "dialled at the wrong time")
            if decidesAtOnce { decide(true) }
        case .established:
            try hold(machine.role == .dialler && !isEstablished, "established at the wrong time")
            isEstablished = true
        case .message(let tag, _, _): try owe(.message, tag)
        case .report(let tag, _, _): try owe(.report, tag)
        case .subscribe(let tag, _, _): try owe(.subscribe, tag)
        case .notify(let tag, _, _): try owe(.notify, tag)
        case .get(let tag, _): try owe(.get, tag)
        case .claim(let tag, _): try owe(.claim, tag)
        case .verify(let tag, _): try owe(.verify, tag)
        case .pushAttributes, .proof, .redirect, .refused:
            try hold(isEstablished, "a record before the connection is open")
        case .answer(let cookie, _), .unreadableAnswer(let cookie, _): try settle(cookie)
        case .closing: break
        case .closed(let end):
            ending = end
            try takeRest()
        }
    }

    private mutating func owe(_ type: RecordType, _ tag: UInt32) throws(Violation) {
        try hold(isEstablished, "a request before the connection is open")
        owed.append((type, tag))
        try hold(owed.count <= Int(machine.settings.maxInflight), "more requests than the window has room for")
    }

    private mutating func settle(_ cookie: UInt64) throws(Violation) {
        guard let entry = waiting.removeValue(forKey: cookie) else { throw Violation("an answer to nothing") }
        try hold(!entry.isAbandoned, "an answer to what was given up")
    }

    /// Each request ends once: as one that the peer has not taken, or as one of which nobody knows.
    private mutating func takeRest() throws(Violation) {
        unhandled = machine.takeUnhandled()
        for cookie in unhandled { try settle(cookie) }
        for cookie in machine.takeRemaining() { try settle(cookie) }
        try hold(waiting.values.allSatisfy(\.isAbandoned), "a request is lost")
        waiting = [:]
        try hold(machine.requestsInFlight == 0, "requests are in flight after the end")
    }

    // MARK: What the holder does

    mutating func decide(_ accepts: Bool) {
        guard !isDecided, machine.role == .acceptor, machine.peerHello != nil else { return }
        isDecided = true
        if accepts {
            machine.accept(now: now)
            isEstablished = true
        } else {
            machine.refuse(.notServedHere, "not served here", now: now)
        }
    }

    /// Sends a request and gives the cookie back, if it went out.
    @discardableResult
    mutating func send(_ request: Request) throws(Violation) -> UInt64? {
        let cookie = nextCookie
        let room = machine.requestRoom
        own += 512 + request.octetCount
        switch request.send(on: &machine, cookie: cookie, now: now) {
        case .sent(let tag):
            try hold(room > 0, "a request where there is no room")
            nextCookie += 1
            waiting[cookie] = (tag, false)
            return cookie
        case .windowFull: try hold(room == 0, "no request where there is room")
        case .tooLarge: break
        case .notOpen: try hold(room == 0, "not open where there is room")
        }
        return nil
    }

    mutating func abandon(_ cookie: UInt64) {
        guard let entry = waiting[cookie] else { return }
        machine.abandon(tag: entry.tag)
        waiting[cookie]?.isAbandoned = true
    }

    mutating func answer(_ index: Int, _ answer: AnswerRecord) {
        guard owed.indices.contains(index) else { return }
        let request = owed.remove(at: index)
        own += 512 + (answer.details?.text?.readableBytes ?? 0)
        if answer.details == nil {
            machine.answer(answer.code, to: request.type, tag: request.tag, now: now)
        } else {
            machine.answer(answer, to: request.type, tag: request.tag, now: now)
        }
    }

    mutating func allowance(_ octets: Int) { own += octets }

    /// Lets the clock go on to `instant`, with a tick whenever the machine wants one.
    mutating func wait(until instant: Instant) throws(Violation) {
        while let wake = machine.nextWake, wake <= instant {
            now = max(now, wake)
            own += 256
            machine.tick(now: now)
            try listen()
            if let next = machine.nextWake { try hold(next > now, "a clock that never stops ringing") }
        }
        now = max(now, instant)
    }

    /// What is to be written now.
    mutating func takeOutbound() throws(Violation) -> ByteBuffer? {
        guard let octets = machine.takeOutbound() else { return nil }
        said += octets.readableBytes
        for (header, lastTag) in departing.take(octets) { try check(header, lastTag) }
        try hold(departing.isBetweenRecords, "a record is written in part")
        try hold(said <= 8 * fed + own + 2048, "more is said than was asked for: \(said) for \(fed) and \(own)")
        return octets
    }

    private mutating func check(_ record: RecordHeader, _ lastTag: UInt32?) throws(Violation) {
        try hold(!saidLast, "a record of type \(record.type.rawValue) after the last CLOSE")
        if record.type == .hello, !record.flags.contains(.response) {
            try hold(!saidHello, "two HELLOs")
            saidHello = true
        }
        // The refusal of a CLOSE that came as a request has its type, and closes nothing.
        let isClose = record.type == .close && !record.flags.contains(.response)
        if isClose, lastTag != CloseRecord.draining { saidLast = true }
        if !saidHello { try hold(isClose, "a record before HELLO") }
        guard record.flags.contains(.response) else { return }
        let key = key(record.type, record.tag)
        let left = mayAnswer[key] ?? 0
        try hold(left > 0, "an answer to no request: type \(record.type.rawValue), tag \(record.tag)")
        mayAnswer[key] = left - 1
    }

    private func checkNumbers() throws(Violation) {
        if !isOver {
            try hold(machine.requestsOwed == owed.count, "\(machine.requestsOwed) owed, not \(owed.count)")
            try hold(machine.requestsInFlight >= waiting.values.count { !$0.isAbandoned }, "a request is forgotten")
            let limit = max(machine.settings.maxRecord, machine.settings.unauthenticatedRecord)
            try hold(machine.heldOctets <= Int(limit) + RecordHeader.size, "\(machine.heldOctets) octets are held")
        }
        guard machine.role == .acceptor, !machine.isAuthenticated, !machine.isVouchedFor else { return }
        let most = machine.settings.unauthenticatedTime + machine.settings.drain + machine.settings.closeTimeout
        try hold(isOver || now <= started + most, "a stranger stays for ever")
    }

    /// What has ended stays so, whatever is done to it.
    private func checkEnd() throws(Violation) {
        var after = machine
        _ = after.takeOutbound()
        var octets = ByteBuffer(repeating: 0, count: 64)
        after.receive(&octets, now: now)
        after.tick(now: now + .seconds(1000))
        after.close(now: now)
        after.abort(IMXError(.refused, "over"))
        after.transportClosed()
        after.answer(.delivered, to: .message, tag: 1, now: now)
        let ping = GetRecord(requester: .user(Request.alice), subject: .user(Request.bob), keys: [])
        try hold(after.send(get: ping, cookie: 1, now: now) == .notOpen, "a request after the end")
        try hold(after.next(now: now) == nil, "an event after the end")
        try hold(after.takeOutbound() == nil, "octets after the end")
        try hold(after.nextWake == nil, "a clock after the end")
        try hold(after.hasSentLast && after.requestRoom == 0 && after.heldOctets == 0, "not over after the end")
    }

    private func key(_ type: RecordType, _ tag: UInt32) -> UInt64 { UInt64(type.rawValue) << 32 | UInt64(tag) }
}
