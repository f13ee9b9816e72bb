// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import IMXWire

/// Two ends of a connection joined by a perfect wire.
struct Pair {
    var dialler: ConnectionMachine
    var acceptor: ConnectionMachine
    var now = Instant(nanoseconds: 1_000_000_000)

    static func hello(_ server: UInt64, dialled: String? = nil) -> HelloRecord {
        HelloRecord(
            serverID: ServerID(high: server, low: 0), nonce: ConnectionNonce(server, 1, 2, 3),
            dialled: dialled.map { ByteBuffer(string: $0) })
    }

    init(settings: ConnectionSettings = .init()) {
        dialler = ConnectionMachine(.dialler, hello: Self.hello(1, dialled: "a.example"), settings: settings, now: now)
        acceptor = ConnectionMachine(.acceptor, hello: Self.hello(2), settings: settings, now: now)
    }

    /// Moves octets until both ends are quiet, and returns what each said.
    mutating func run(step: Int = .max) -> (dialler: [String], acceptor: [String]) {
        var log: (dialler: [String], acceptor: [String]) = ([], [])
        var moved = true
        while moved {
            moved = false
            if let out = dialler.takeOutbound() {
                moved = true
                for var piece in out.pieces(step) {
                    acceptor.receive(&piece, now: now)
                    while let event = acceptor.next(now: now) {
                        if case .dialled = event { acceptor.accept(now: now) }
                        log.acceptor.append("\(event)")
                    }
                }
            }
            if let out = acceptor.takeOutbound() {
                moved = true
                for var piece in out.pieces(step) {
                    dialler.receive(&piece, now: now)
                    while let event = dialler.next(now: now) { log.dialler.append("\(event)") }
                }
            }
        }
        return log
    }
}

extension ByteBuffer {
    func pieces(_ size: Int) -> [ByteBuffer] {
        var rest = self
        var pieces: [ByteBuffer] = []
        while rest.readableBytes > 0, let piece = rest.readSlice(length: Swift.min(size, rest.readableBytes)) {
            pieces.append(piece)
        }
        return pieces
    }
}

@Test("smoke", arguments: [1, 7, Int.max]) func smoke(step: Int) throws {
    var pair = Pair()
    let log = pair.run(step: step)
    print(log)
    let message = MessageRecord(
        from: AddressField(ByteBuffer(string: "alice@a.example"))!, to: AddressField(ByteBuffer(string: "bob@b.example"))!,
        messageID: ByteBuffer(string: "m1"), mime: ByteBuffer(string: "x"))
    print(pair.dialler.send(message: message, cookie: 77, now: pair.now))
    print(pair.run(step: step))
    pair.acceptor.answer(.delivered, to: .message, tag: 1, now: pair.now)
    print(pair.run(step: step))
    pair.dialler.close(now: pair.now)
    print(pair.run(step: step), pair.dialler.phase, pair.acceptor.phase)
}
