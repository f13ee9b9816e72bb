// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import NIOCore

/// What an acceptor may remember of failures, and whom it may hold them against: IMX-1 §6.4.
///
/// That somebody's server was not reached counts against his own network alone, and that it knew nothing of a claim only
/// against the pair on its connection.
struct FailureModel {
    private enum Subject: Hashable {
        case unreachable(ByteBuffer, AddressBlock)
        case disowned(DialbackBody.ClaimKey)
    }

    private let limits: DialbackLimits
    private var known: [Subject: (count: Int, until: Instant)] = [:]

    init(_ limits: DialbackLimits) { self.limits = limits }

    /// The code that a claim is refused with unasked; nil where it is looked at.
    func code(_ key: DialbackBody.ClaimKey, now: Instant) -> OutcomeCode? {
        func holds(_ subject: Subject) -> Bool {
            known[subject].map { $0.count >= limits.failuresInARow && now < $0.until } ?? false
        }
        if holds(unreachable(key)) { return .notVerifiedNow }
        return holds(.disowned(key)) ? .notVerified : nil
    }

    mutating func note(_ key: DialbackBody.ClaimKey, _ code: OutcomeCode, now: Instant) {
        let subject = code == .notVerified ? .disowned(key) : unreachable(key)
        let before = known[subject].map { now < $0.until ? $0.count : 0 } ?? 0
        known[subject] = (before + 1, now + limits.failureMemory)
    }

    mutating func clear(_ key: DialbackBody.ClaimKey) {
        known[.disowned(key)] = nil
        known[unreachable(key)] = nil
    }

    private func unreachable(_ key: DialbackBody.ClaimKey) -> Subject {
        .unreachable(key.pair.source, DialbackBody.block(key.connection))
    }
}

/// The dials that claims have caused: in any stretch of time no more than the burst and what its length adds.
struct DialLedger {
    private let limits: DialbackLimits
    private var made: [(block: AddressBlock, at: Instant)] = []

    init(_ limits: DialbackLimits) { self.limits = limits }

    mutating func dial(_ block: AddressBlock, now: Instant) throws(Violation) {
        made = made.suffix(255) + [(block, now)]
        try check(made.map(\.at), limits.dialBurst, limits.dialsPerSecond, "in all")
        let own = made.filter { $0.block == block }.map(\.at)
        try check(own, limits.dialBurstPerBlock, limits.dialsPerSecondAndBlock, "for one network")
    }

    /// Looks at every stretch that ends with the last one.
    private func check(_ times: [Instant], _ burst: Int, _ perSecond: Int, _ whose: String) throws(Violation) {
        guard let last = times.last else { return }
        for (index, first) in times.enumerated() {
            let count = times.count - index
            let room = burst + Int((last - first).nanoseconds / 1_000 * Int64(perSecond) / 1_000_000)
            try hold(count <= room, "\(count) dials \(whose) where \(room) may be")
        }
    }
}

/// The octets that came on each connection, and those that were sent to others for them.
struct OctetLedger {
    private var inward: [ConnectionHandle: Int] = [:]
    private var outward: [ConnectionHandle: Int] = [:]

    /// The preface and a HELLO that says as little as it can.
    private static let opening: Int = {
        var hello = ByteBuffer()
        let id = ServerID(high: 1, low: 0)
        HelloRecord(serverID: id, nonce: ConnectionNonce(1, 2, 3, 4), dialled: DialbackBody.a).write(to: &hello)
        return Preface.size + hello.readableBytes
    }()

    func came(on connection: ConnectionHandle) -> Int { inward[connection] ?? Self.opening }

    func caused(on connection: ConnectionHandle) -> Int { outward[connection] ?? 0 }

    func isWithinBudget(_ connection: ConnectionHandle) -> Bool {
        2 * caused(on: connection) <= 3 * came(on: connection)
    }

    mutating func came(_ count: Int, on connection: ConnectionHandle) {
        inward[connection] = came(on: connection) + count
    }

    mutating func came(_ claim: ClaimRecord, on connection: ConnectionHandle) {
        var written = ByteBuffer()
        claim.write(to: &written, tag: 0)
        came(written.readableBytes, on: connection)
    }

    mutating func caused(_ count: Int, on connection: ConnectionHandle) {
        outward[connection] = caused(on: connection) + count
    }
}
