// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

import struct NIOCore.ByteBuffer

/// How many claims are under way for whom, so that nobody can fill the table.
struct DialbackQuotas: Sendable {
    private var connections: [ConnectionHandle: Int] = [:]
    private var blocks: [AddressBlock: Int] = [:]
    private var sources: [ByteBuffer: Int] = [:]
    /// Sources that were authenticated, and until when that gives them the reserved share.
    private var known: [ByteBuffer: Instant] = [:]

    /// The most sources that are remembered.
    private static let knownLimit = 65_536

    /// Whether one more claim fits: IMX-1 §6.4, check 4.
    func admits(
        _ connection: ConnectionHandle,
        _ block: AddressBlock,
        _ source: ByteBuffer,
        total: Int,
        limits: DialbackLimits,
        now: Instant
    ) -> Bool {
        let isKnown = known[source].map { now < $0 } ?? false
        return connections[connection, default: 0] < limits.pendingPerConnection
            && blocks[block, default: 0] < limits.pendingPerBlock
            && sources[source, default: 0] < limits.pendingPerSource
            && total < (isKnown ? limits.pendingInAll : limits.pendingInAll - limits.pendingReserved)
    }

    mutating func add(_ connection: ConnectionHandle, _ block: AddressBlock, _ source: ByteBuffer) {
        connections[connection, default: 0] += 1
        blocks[block, default: 0] += 1
        sources[source, default: 0] += 1
    }

    mutating func remove(_ connection: ConnectionHandle, _ block: AddressBlock, _ source: ByteBuffer) {
        decrement(&connections, connection)
        decrement(&blocks, block)
        decrement(&sources, source)
    }

    /// Remembers for a day that `source` was authenticated.
    mutating func remember(_ source: ByteBuffer, now: Instant) {
        guard known.count < Self.knownLimit || known[source] != nil else { return }
        known[ByteBuffer(bytes: source.readableBytesView)] = now + .seconds(86_400)
    }

    /// Forgets the sources whose day is over.
    mutating func forget(now: Instant) {
        guard known.count > 0 else { return }
        known = known.filter { $0.value > now }
    }

    private func decrement<Key: Hashable>(_ counts: inout [Key: Int], _ key: Key) {
        guard let count = counts[key] else { return }
        counts[key] = count > 1 ? count - 1 : nil
    }
}
