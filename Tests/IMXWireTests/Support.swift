// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore

@testable import IMXWire

/// The octets that hexadecimal digits spell, white space aside; text in quotes stands for itself.
func octets(_ text: String) -> ByteBuffer {
    var buffer = ByteBuffer()
    var high: UInt8?
    var isQuoted = false
    for scalar in text.utf8 {
        if scalar == UInt8(ascii: "\"") {
            isQuoted.toggle()
        } else if isQuoted {
            buffer.writeInteger(scalar)
        } else if let digit = Character(UnicodeScalar(scalar)).hexDigitValue {
            if let upper = high {
                buffer.writeInteger(upper << 4 | UInt8(digit))
                high = nil
            } else {
                high = UInt8(digit)
            }
        }
    }
    return buffer
}

func range(_ first: UInt8, _ count: Int) -> ByteBuffer {
    ByteBuffer(bytes: (0..<count).map { first &+ UInt8($0) })
}

func text(_ string: String) -> ByteBuffer { ByteBuffer(string: string) }

func address(_ string: String) throws -> AddressField {
    guard let address = AddressField(text(string)) else { throw Unusable() }
    return address
}

struct Unusable: Error {}

extension ByteBuffer {
    /// The digits, for a failed expectation to show.
    var hex: String {
        readableBytesView.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    func pieces(_ size: Int) -> [ByteBuffer] {
        var rest = self
        var pieces: [ByteBuffer] = []
        while rest.readableBytes > 0, let piece = rest.readSlice(length: Swift.min(size, rest.readableBytes)) {
            pieces.append(piece)
        }
        return pieces
    }

    /// The payload of the one record that this is.
    var payload: ByteBuffer {
        getSlice(at: readerIndex + RecordHeader.size, length: readableBytes - RecordHeader.size) ?? ByteBuffer()
    }

    /// The records that stand one after another.
    var records: [(header: RecordHeader, octets: ByteBuffer)] {
        var rest = self
        var records: [(header: RecordHeader, octets: ByteBuffer)] = []
        while let header = rest.recordHeader,
            let octets = rest.readSlice(length: RecordHeader.size + Int(header.length))
        {
            records.append((header, octets))
        }
        return records
    }
}

/// A generator that gives the octets `first`, `first` + 1, and so on.
struct CountingGenerator: RandomNumberGenerator {
    var octet: UInt8

    mutating func next() -> UInt64 {
        var word: UInt64 = 0
        for _ in 0..<8 {
            word = word << 8 | UInt64(octet)
            octet &+= 1
        }
        return word
    }
}

/// The two ends of a connection, joined by a perfect wire, and what each said.
struct Pair {
    var dialler: ConnectionMachine
    var acceptor: ConnectionMachine
    var now = Instant(nanoseconds: 1_000_000_000)
    var diallerSaid: [Inbound] = []
    var acceptorSaid: [Inbound] = []

    static func hello(_ server: UInt64, dialled: String? = nil) -> HelloRecord {
        HelloRecord(
            serverID: ServerID(high: server, low: 0),
            nonce: ConnectionNonce(server, 1, 2, 3),
            dialled: dialled.map { ByteBuffer(string: $0) }
        )
    }

    init(settings: ConnectionSettings = .init(), authenticated: Bool = true, open: Bool = true) {
        dialler = ConnectionMachine(.dialler, hello: Self.hello(1, dialled: "b.example"), settings: settings, now: now)
        acceptor = ConnectionMachine(.acceptor, hello: Self.hello(2), settings: settings, now: now)
        if open { run() }
        if authenticated {
            dialler.markAuthenticated()
            acceptor.markAuthenticated()
        }
        diallerSaid = []
        acceptorSaid = []
    }

    /// Moves octets until both ends are quiet, in pieces of `step`.
    mutating func run(step: Int = .max) {
        var moved = true
        while moved {
            moved = false
            listen()
            if let out = dialler.takeOutbound() {
                moved = true
                for var piece in out.pieces(step) {
                    acceptor.receive(&piece, now: now)
                    listen()
                }
            }
            if let out = acceptor.takeOutbound() {
                moved = true
                for var piece in out.pieces(step) {
                    dialler.receive(&piece, now: now)
                    listen()
                }
            }
        }
    }

    mutating func listen() {
        while let event = acceptor.next(now: now) {
            if case .dialled = event { acceptor.accept(now: now) }
            acceptorSaid.append(event)
        }
        while let event = dialler.next(now: now) { diallerSaid.append(event) }
    }

    /// Lets both clocks run on by `seconds`, in steps of at most one second.
    mutating func wait(_ seconds: Int) {
        for _ in 0..<seconds {
            now = now + .seconds(1)
            dialler.tick(now: now)
            acceptor.tick(now: now)
            run()
        }
    }

    mutating func sendMessage(cookie: UInt64 = 1) throws -> SendResult {
        dialler.send(message: try Samples.message(), cookie: cookie, now: now)
    }
}

/// One machine, its peer being the test itself.
struct Lone {
    var machine: ConnectionMachine
    var now = Instant(nanoseconds: 1_000_000_000)
    /// What the machine has sent since the connection was opened.
    var sent = ByteBuffer()

    init(_ role: ConnectionRole = .acceptor, settings: ConnectionSettings = .init(), open: Bool = true) {
        var settings = settings
        settings.grease = false
        machine = ConnectionMachine(
            role,
            hello: Pair.hello(2, dialled: role == .dialler ? "b.example" : nil),
            settings: settings,
            now: now
        )
        guard open else { return }
        feed(octets("89494D580D0A1A0A"))
        var hello = ByteBuffer()
        Pair.hello(1, dialled: role == .acceptor ? "b.example" : nil).write(to: &hello)
        _ = after(hello)
        machine.accept(now: now)
        _ = events()
        sent = ByteBuffer()
    }

    mutating func feed(_ octets: ByteBuffer) {
        var octets = octets
        machine.receive(&octets, now: now)
    }

    mutating func events() -> [Inbound] {
        var events: [Inbound] = []
        while let event = machine.next(now: now) { events.append(event) }
        if let out = machine.takeOutbound() { sent.writeImmutableBuffer(out) }
        return events
    }

    mutating func after(_ octets: ByteBuffer) -> [Inbound] {
        feed(octets)
        return events()
    }

    mutating func after(seconds: Int) -> [Inbound] {
        now = now + .seconds(seconds)
        machine.tick(now: now)
        return events()
    }
}

/// The end that the events tell, if they do.
func ending(_ events: [Inbound]) -> ConnectionEnd? {
    for case .closed(let end) in events { return end }
    return nil
}

/// The code with which the connection failed, if it did.
func failure(_ events: [Inbound]) -> OutcomeCode? {
    if case .failed(let error) = ending(events) { return error.code }
    return nil
}
