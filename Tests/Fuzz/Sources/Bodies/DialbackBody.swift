// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import NIOCore

/// An honest aggregator A for a.example, an honest one B for b.example, and an attacker who serves m.example, has
/// connections of his own to both, knows every token, and repeats, mixes, delays and drops what he likes.
///
/// What A and B say to each other comes in any order or not at all. B dials the attacker too, as everybody does who has
/// a message for m.example, and the attacker's connections to A mirror those: they have the same identifiers.
struct DialbackBody {
    static func run(_ octets: [UInt8]) throws(Violation) {
        var input = FuzzInput(octets)
        var body = DialbackBody(&input)
        while !input.isEmpty { try body.step(&input) }
        try body.finish()
    }

    static let a = ByteBuffer(string: "a.example")
    static let b = ByteBuffer(string: "b.example")
    static let m = ByteBuffer(string: "m.example")
    static let domains = [b, m, a]
    /// B's connections to A; their numbers are the same at both.
    static let honest: [UInt64] = [1, 2, 3]
    /// The attacker's connections to A.
    static let hostile: [UInt64] = [11, 12, 13]
    /// B's connections to the attacker, each mirrored by the attacker's connection to A ten below.
    static let mirrored: [UInt64] = [21, 22]

    var now = Instant(nanoseconds: 1_000_000_000_000)
    var draw = Draw(state: 7)
    let limits: DialbackLimits
    var acceptor: DialbackAcceptor
    var claimant: DialbackClaimant
    /// What B makes tokens with.
    var keys: ClaimTokens
    var attacker: DialbackClaimant
    /// What is on its way between A and B, and what A asks the attacker.
    var network: [Travelling] = []
    /// Claims that A has taken and not answered.
    var open: [ClaimKey: UInt32] = [:]
    /// Where B has claimed and given its word for it, and where A trusts.
    var claimed: Set<ClaimKey> = []
    var hasWord: Set<ClaimKey> = []
    var trusted: Set<ClaimKey> = []
    /// The tokens for which B has given its word.
    var spent: Set<ByteBuffer> = []
    /// What the attacker knows.
    var tokens: [ByteBuffer] = [ByteBuffer(repeating: 0, count: ClaimTokens.size)]
    var proofs: [ProofRecord] = []
    var secrets = [ByteBuffer(repeating: 1, count: VerifyRecord.secretSize)]
    var nextTag: UInt32 = 1

    struct ClaimKey: Hashable {
        let connection: ConnectionHandle
        let pair: DomainPair
    }

    enum Travelling {
        case claim(ClaimRecord, on: ConnectionHandle)
        case verify(DialbackAcceptor.PendingID)
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
        self.limits = limits
        acceptor = DialbackAcceptor(limits: limits)
        keys = ClaimTokens(key: Octets32(using: &draw))
        claimant = DialbackClaimant(tokens: keys, limits: limits)
        attacker = DialbackClaimant(tokens: ClaimTokens(key: Octets32(using: &draw)), limits: limits)
    }

    static func id(_ connection: ConnectionHandle) -> ConnectionID {
        let number = connection.rawValue
        let mirror = mirrored.contains(number) ? number - 10 : number
        return ConnectionID(
            dialler: ByteBuffer(integer: mirror),
            acceptor: ByteBuffer(integer: mirror + 1000)
        )
    }

    private mutating func step(_ input: inout FuzzInput) throws(Violation) {
        switch input.octet() & 0x0F {
        case 0, 1: claimHonestly(input.pick(Self.honest) ?? 1, target: Self.a)
        case 2: claimHonestly(input.pick(Self.mirrored) ?? 21, target: Self.m)
        case 3, 4, 5, 6: try deliver(input.number(below: max(1, network.count)))
        case 7: drop(input.number(below: max(1, network.count)))
        case 8: try forgeClaim(&input)
        case 9: try forgeProof(&input)
        case 10: try forgeVerify(&input)
        case 11: claimAsAttacker(input.pick(Self.hostile) ?? 11)
        case 12: try close(ConnectionHandle(rawValue: input.pick(Self.honest + Self.hostile + Self.mirrored) ?? 1))
        case 13: try pass(.milliseconds(input.number(below: 65_536)))
        case 14: repeatMessage(&input)
        default: rotate(input.octet())
        }
        try hold(acceptor.pendingCount == open.count, "\(acceptor.pendingCount) claims pend, not \(open.count)")
        try hold(acceptor.pendingCount <= limits.pendingInAll, "more claims than there is room for")
        try hold(claimant.claimCount <= Self.honest.count + Self.mirrored.count, "claims are left behind")
    }

    private mutating func rotate(_ number: UInt8) {
        keys.rotate(keyID: number, key: Octets32(using: &draw))
        claimant.rotate(to: keys)
    }

    /// Whatever went before, all claims end in time, and an undisturbed one is trusted.
    private mutating func finish() throws(Violation) {
        try pass(.seconds(100))
        try hold(open.isEmpty && acceptor.pendingCount == 0, "a claim is never answered")
        try hold(claimant.claimCount == 0, "a claim never ends")
        network = []
        for number in Self.honest + Self.hostile + Self.mirrored { try close(ConnectionHandle(rawValue: number)) }
        try pass(.seconds(100))
        trusted = []
        claimHonestly(1, target: Self.a)
        while !network.isEmpty { try deliver(0) }
        let key = ClaimKey(connection: ConnectionHandle(rawValue: 1), pair: DomainPair(source: Self.b, target: Self.a))
        try hold(trusted.contains(key), "an honest claim is not trusted")
    }
}
