// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import NIOCore

/// An honest aggregator A for a.example, an honest one B of two nodes for b.example, and an attacker who serves m.example,
/// has connections of his own to both, knows every token, and repeats, mixes, delays and drops what he likes.
///
/// What A and B say to each other comes in any order or not at all. B dials the attacker too, as everybody does who has
/// a message for m.example, and the attacker's connections to A mirror those: they have the same identifiers. Whoever
/// asks B reaches either of its nodes, and these ask each other over a stream of octets that is cut, damaged and lost.
/// A's operator hosts, blocks and lets in what the input says.
struct DialbackBody {
    static func run(_ octets: [UInt8]) throws(Violation) {
        var input = FuzzInput(octets)
        var body = DialbackBody(&input)
        while !input.isEmpty {
            try body.step(&input)
            try body.checkNumbers()
        }
        try body.finish()
    }

    static let a = ByteBuffer(string: "a.example")
    static let b = ByteBuffer(string: "b.example")
    static let m = ByteBuffer(string: "m.example")
    static let domains = [b, m, a]
    /// B's connections to A: two of its first node, one of its second. Their numbers are the same at both ends.
    static let honest: [UInt64] = [1, 2, 3]
    /// The attacker's connections to A; the last comes out of B's own network.
    static let hostile: [UInt64] = [11, 12, 13]
    /// B's connections to the attacker, each mirrored by the attacker's connection to A ten below.
    static let mirrored: [UInt64] = [21, 22]

    var now = Instant(nanoseconds: 1_000_000_000_000)
    var draw = Draw(state: 7)
    let limits: DialbackLimits
    var acceptor: DialbackAcceptor
    /// B's nodes, which share the secret that their tokens and messages are made under.
    var nodes: [DialbackClaimant]
    let cluster: Octets32
    /// The day by each node's clock.
    var days: [UInt32] = [0, 0]
    /// The node that answers whoever dials B.
    var listening = 0
    var bus = NodeBusModel()
    var attacker: DialbackClaimant
    /// What is on its way between A and B, and what A asks the attacker.
    var network: [Travelling] = []
    /// How often each connection was closed and made again: a handle is never used twice.
    var generations: [UInt64: UInt64] = [:]

    /// Claims that A has taken and not answered.
    var open: [ClaimKey: Open] = [:]
    /// Claims that A took at any time.
    var ids: [DialbackAcceptor.PendingID] = []
    /// Where B has claimed and given its word for it, and where A has trusted it.
    var claimed: Set<ClaimKey> = []
    var hasWord: Set<ClaimKey> = []
    var everTrusted: Set<ClaimKey> = []
    /// Until when A trusts.
    var trusted: [ClaimKey: Instant] = [:]
    /// The connections to A on which anything was proved.
    var proved: Set<ConnectionHandle> = []
    /// The tokens for which B has given its word, and those with which A has come to trust.
    var spent: Set<ByteBuffer> = []
    var confirmed: Set<ByteBuffer> = []
    /// The token of B's last claim.
    var lastToken: [ClaimKey: ByteBuffer] = [:]

    /// What A's operator wants, and where the attacker has shown a certificate for his own domain.
    var isHosted = true
    var blocked: Set<ByteBuffer> = []
    var certified: Set<ConnectionHandle> = []

    var failures: FailureModel
    var dials: DialLedger
    var octets = OctetLedger()

    /// What the attacker knows.
    var tokens: [ByteBuffer] = [ByteBuffer(repeating: 0, count: ClaimTokens.size)]
    var proofs: [ProofRecord] = []
    var secrets = [ByteBuffer(repeating: 1, count: VerifyRecord.secretSize)]
    var nextTag: UInt32 = 1

    struct ClaimKey: Hashable {
        let connection: ConnectionHandle
        let pair: DomainPair
    }

    struct Open {
        let id: DialbackAcceptor.PendingID
        let tag: UInt32
        let token: ByteBuffer
    }

    enum Travelling {
        case claim(ClaimRecord, on: ConnectionHandle)
        /// A has looked the source up and goes on to ask it.
        case reach(DialbackAcceptor.PendingID)
        case verify(DialbackAcceptor.PendingID)
        /// A's dial leads to nobody.
        case silence(DialbackAcceptor.PendingID)
        case verifyAnswer(DialbackAcceptor.PendingID, AnswerRecord)
        case proof(ProofRecord, on: ConnectionHandle)
        case answer(AnswerRecord, DomainPair, on: ConnectionHandle)
    }

    private init(_ input: inout FuzzInput) {
        var limits = DialbackLimits()
        limits.pendingPerConnection = 1 + input.number(below: 4)
        limits.pendingPerSource = 1 + input.number(below: 4)
        limits.pendingPerBlock = 1 + input.number(below: 6)
        limits.pendingInAll = 2 + input.number(below: 6)
        limits.pendingReserved = 1
        limits.verifyBurst = 2 + input.number(below: 32)
        let dials = input.octet()
        limits.dialsPerSecondAndBlock = 1
        limits.dialBurstPerBlock = 2 + Int(dials & 7)
        limits.dialsPerSecond = 2
        limits.dialBurst = 4 + Int(dials >> 3 & 15)
        self.limits = limits
        failures = FailureModel(limits)
        self.dials = DialLedger(limits)
        acceptor = DialbackAcceptor(limits: limits)
        cluster = Octets32(using: &draw)
        nodes = []
        attacker = DialbackClaimant(tokens: ClaimTokens(key: Octets32(using: &draw)), limits: limits)
        for node in 0..<2 { nodes.append(DialbackClaimant(tokens: nodeTokens(node, 0), limits: limits)) }
    }

    func nodeTokens(_ node: Int, _ day: UInt32) -> ClaimTokens {
        ClaimTokens(node: UInt16(node + 1), cluster: cluster, day: 20_000 + day)
    }

    // MARK: Connections

    /// What the number stands for now.
    func handle(_ number: UInt64) -> ConnectionHandle {
        ConnectionHandle(rawValue: number | generations[number, default: 0] << 8)
    }

    static func number(_ connection: ConnectionHandle) -> UInt64 { connection.rawValue & 0xFF }

    static func isHonest(_ connection: ConnectionHandle) -> Bool { honest.contains(number(connection)) }

    /// Which of B's nodes has made the connection.
    static func owner(_ connection: ConnectionHandle) -> Int { [3, 22].contains(number(connection)) ? 1 : 0 }

    static func id(_ connection: ConnectionHandle) -> ConnectionID {
        let isMirror = mirrored.contains(number(connection))
        let nonce = connection.rawValue - (isMirror ? 10 : 0)
        return ConnectionID(dialler: ByteBuffer(integer: nonce), acceptor: ByteBuffer(integer: nonce + 1 << 60))
    }

    /// The network that a connection to A comes from.
    static func block(_ connection: ConnectionHandle) -> AddressBlock {
        AddressBlock(ipv4: [11, 12].contains(number(connection)) ? 0xC000_0201 : 0x0A00_0001)
    }

    // MARK: Steps

    private mutating func step(_ input: inout FuzzInput) throws(Violation) {
        switch input.octet() & 0x1F {
        case 0, 1: try claimHonestly(input.pick(Self.honest) ?? 1, target: Self.a)
        case 2: try claimHonestly(input.pick(Self.mirrored) ?? 21, target: Self.m)
        case 7: drop(input.number(below: max(1, network.count)))
        case 8: try forgeClaim(&input)
        case 9: try forgeProof(&input)
        case 10: try forgeVerify(&input)
        case 11: claimAsAttacker(input.pick(Self.hostile) ?? 11)
        case 12: try close(input.pick(Self.honest + Self.hostile + Self.mirrored) ?? 1)
        case 13: try pass(.milliseconds(input.number(below: 65_536)))
        case 14: repeatMessage(&input)
        case 15: turnDay(input.number(below: 2), UInt32(input.number(below: 3)))
        case 16, 17: try bus(&input)
        case 18: bus.damage(input.number(below: 4), at: input.number(below: 256), by: input.octet())
        case 19: try hostileOctets(&input)
        case 20: bus.repeatAnswer(input.number(below: 2), secret: cluster)
        case 21: listening = input.number(below: 2)
        case 22: try changePolicy(input.number(below: 3))
        case 23: octets.came(input.number(below: 256), on: handle(input.pick(Self.honest + Self.hostile) ?? 1))
        case 24: certified.formSymmetricDifference([handle(input.pick(Self.hostile) ?? 11)])
        case 25: try poke(&input)
        default: try deliver(input.number(below: max(1, network.count)), &input)
        }
    }

    private func checkNumbers() throws(Violation) {
        try hold(acceptor.pendingCount == open.count, "\(acceptor.pendingCount) claims pend, not \(open.count)")
        func most<Key: Hashable>(_ key: (ClaimKey) -> Key) -> Int {
            Dictionary(grouping: open.keys, by: key).values.map(\.count).max() ?? 0
        }
        let isWithin =
            open.count <= limits.pendingInAll
            && most(\.connection) <= limits.pendingPerConnection
            && most { Self.block($0.connection) } <= limits.pendingPerBlock
            && most(\.pair.source) <= limits.pendingPerSource
        try hold(isWithin, "more claims than there is room for")
        let most = Self.honest.count + Self.mirrored.count
        try hold(nodes.reduce(0) { $0 + $1.claimCount } <= most, "claims are left behind")
    }

    /// Whatever went before, all claims end in time, and undisturbed ones are trusted.
    private mutating func finish() throws(Violation) {
        try pass(.seconds(100))
        try hold(open.isEmpty && acceptor.pendingCount == 0, "a claim is never answered")
        try hold(nodes.allSatisfy { $0.claimCount == 0 }, "a claim never ends")
        try hold(bus.questions.isEmpty, "a question is never answered")
        network = []
        for number in Self.honest + Self.hostile + Self.mirrored { try close(number) }
        isHosted = true
        blocked = []
        try pass(.seconds(100))
        // At the node that made the claim; at the other, over the bus; and there with clocks that are a day apart.
        for (node, day) in [(0, 0), (1, 0), (1, 1)] as [(Int, UInt32)] {
            listening = node
            turnDay(0, 1)
            turnDay(1, 1 + day)
            bus = NodeBusModel()
            try close(1)
            octets.came(256, on: handle(1))
            try claimHonestly(1, target: Self.a)
            var nothing = FuzzInput([])
            while !network.isEmpty {
                try deliver(0, &nothing)
                for wire in 0..<4 { try moveBus(wire, .max) }
            }
            let key = ClaimKey(connection: handle(1), pair: DomainPair(source: Self.b, target: Self.a))
            try hold(trusted[key] != nil, "an honest claim is not trusted, asked for at node \(node), day \(day)")
            try pass(.seconds(5))
        }
    }
}
