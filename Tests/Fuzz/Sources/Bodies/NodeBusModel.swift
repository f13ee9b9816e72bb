// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import NIOCore

/// The streams between two nodes, which bear ``NodeMessage``s: for each node one with its questions and one with the
/// answers to them, as ``UnixNodeBus`` has them. Octets come in any pieces, are damaged on the way, or are lost.
struct NodeBusModel {
    /// Whom the answer to a question is for.
    enum Purpose {
        case claim(DialbackAcceptor.PendingID)
        case stranger
    }

    struct QuestionKey: Hashable {
        let asker: Int
        let id: UInt64
    }

    /// One direction of one stream.
    struct Wire {
        private var underWay = ByteBuffer()
        fileprivate var received = ByteBuffer()
        /// What was said and has not come out.
        fileprivate var said: [NodeMessage] = []
        fileprivate(set) var isBroken = false

        fileprivate mutating func say(_ message: NodeMessage, _ secret: Octets32) {
            underWay.writeImmutableBuffer(message.encoded(secret: secret))
            said.append(message)
        }

        mutating func move(_ count: Int) {
            guard var piece = underWay.readSlice(length: min(count, underWay.readableBytes)) else { return }
            received.writeBuffer(&piece)
        }

        fileprivate mutating func damage(at index: Int, by octet: UInt8) {
            guard underWay.readableBytes > 0 else { return }
            let place = underWay.readerIndex + index % underWay.readableBytes
            underWay.setInteger((underWay.getInteger(at: place) ?? 0) ^ octet, at: place)
        }
    }

    /// The questions of node 1, the answers to it, and the same of node 2.
    var wires = [Wire](repeating: Wire(), count: 4)
    private(set) var questions: [QuestionKey: (purpose: Purpose, until: Instant)] = [:]
    private var answers: [[NodeMessage]] = [[], []]
    private var lastID: UInt64 = .max - 3

    mutating func ask(from node: Int, _ verify: VerifyRecord, for purpose: Purpose, secret: Octets32, now: Instant) {
        lastID &+= 1
        questions[QuestionKey(asker: node, id: lastID)] = (purpose, now + .seconds(2))
        let number = UInt16(node + 1)
        wires[2 * node].say(NodeMessage(from: number, to: 3 - number, id: lastID, body: .question(verify)), secret)
    }

    mutating func answer(_ question: NodeMessage, _ isProved: Bool, secret: Octets32) {
        let answer = NodeMessage(from: question.to, to: question.from, id: question.id, body: .answer(isProved))
        let asker = Int(question.from) - 1
        answers[asker] = answers[asker].suffix(7) + [answer]
        wires[2 * asker + 1].say(answer, secret)
    }

    /// The last answer comes again.
    mutating func repeatAnswer(_ asker: Int, secret: Octets32) {
        if let answer = answers[asker].last { wires[2 * asker + 1].say(answer, secret) }
    }

    mutating func damage(_ wire: Int, at index: Int, by octet: UInt8) { wires[wire].damage(at: index, by: octet) }

    /// The next message on a way; what comes out is what was said, in order, or the stream is broken.
    mutating func hear(_ wire: Int, secret: Octets32) throws(Violation) -> NodeMessage? {
        guard !wires[wire].isBroken else { return nil }
        let heard: NodeMessage?
        do throws(IMXError) {
            heard = try NodeMessage.next(in: &wires[wire].received, secret: secret)
        } catch {
            wires[wire].isBroken = true
            return nil
        }
        guard let message = heard else {
            try Self.checkHeld(wires[wire].received)
            return nil
        }
        try hold(message == wires[wire].said.first, "a node hears what was not said")
        wires[wire].said.removeFirst()
        return message
    }

    /// Takes the question off the list; nil where it was answered, or never asked.
    mutating func settle(_ asker: Int, _ id: UInt64) -> Purpose? {
        questions.removeValue(forKey: QuestionKey(asker: asker, id: id))?.purpose
    }

    /// The stream of a node is gone with all that was on it.
    mutating func lose(_ asker: Int) -> [Purpose] {
        wires[2 * asker] = Wire()
        wires[2 * asker + 1] = Wire()
        let lost = questions.keys.filter { $0.asker == asker }.sorted { $0.id < $1.id }
        return lost.compactMap { settle($0.asker, $0.id) }
    }

    /// The questions whose time is over.
    mutating func expire(now: Instant) -> [Purpose] {
        let late = questions.filter { $0.value.until <= now }.keys.sorted { ($0.asker, $0.id) < ($1.asker, $1.id) }
        return late.compactMap { settle($0.asker, $0.id) }
    }

    // MARK: Octets of others

    /// What nobody with the key has said is never taken for a message, and no more of it is kept than of one message.
    static func reject(_ octets: ByteBuffer, _ secret: Octets32) throws(Violation) {
        var stream = octets
        let message: NodeMessage?
        do throws(IMXError) {
            message = try NodeMessage.next(in: &stream, secret: secret)
        } catch {
            return
        }
        if let message { throw Violation("octets of a stranger are a node's message: \(message)") }
        try checkHeld(stream)
    }

    /// What a node says, whatever it is, is read as that or not at all.
    static func accept(_ message: NodeMessage, _ secret: Octets32) throws(Violation) {
        var stream = message.encoded(secret: secret)
        stream.writeInteger(UInt8(0))
        guard let read = try? NodeMessage.next(in: &stream, secret: secret) else { return }
        try hold(read == message, "a node's message changes on its way")
        try hold(stream.readableBytes == 1, "a node's message has another length")
    }

    private static func checkHeld(_ stream: ByteBuffer) throws(Violation) {
        try hold(stream.readableBytes < 4 + NodeMessage.limit, "\(stream.readableBytes) octets wait for a message")
    }
}
