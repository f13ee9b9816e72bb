// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

import struct NIOCore.ByteBuffer

/// How many claims are under way for whom, so that nobody can fill the table.
struct DialbackQuotas: Sendable {
    private var blocks: [AddressBlock: Int] = [:]
    private var sources: [ByteBuffer: Int] = [:]
    /// The number of claims under way.
    private(set) var total = 0
    /// Sources that were authenticated, and until when that gives them the reserved share.
    private var known: [ByteBuffer: Instant] = [:]

    /// The most sources that are remembered.
    private static let knownLimit = 65_536

    /// Whether one more claim fits beside the `onConnection` that its connection has: IMX-1 §6.4, check 4.
    func admits(
        _ block: AddressBlock,
        _ source: ByteBuffer,
        onConnection: Int,
        limits: DialbackLimits,
        now: Instant
    ) -> Bool {
        onConnection < limits.pendingPerConnection
            && blocks[block, default: 0] < limits.pendingPerBlock
            && sources[source, default: 0] < limits.pendingPerSource
            && total < (isKnown(source, now: now) ? limits.pendingInAll : limits.pendingInAll - limits.pendingReserved)
    }

    /// Whether `source` was authenticated in the last day.
    func isKnown(_ source: ByteBuffer, now: Instant) -> Bool {
        known[source].map { now < $0 } ?? false
    }

    mutating func add(_ block: AddressBlock, _ source: ByteBuffer) {
        blocks[block, default: 0] += 1
        sources[source, default: 0] += 1
        total += 1
    }

    mutating func remove(_ block: AddressBlock, _ source: ByteBuffer) {
        decrement(&blocks, block)
        decrement(&sources, source)
        total -= 1
    }

    /// Remembers for a day that `source` was authenticated.
    mutating func remember(_ source: ByteBuffer, now: Instant) {
        guard known.count < Self.knownLimit || known[source] != nil else { return }
        known[ByteBuffer(bytes: source.readableBytesView)] = now + .seconds(86_400)
    }

    /// Forgets the sources whose day is over.
    mutating func forget(now: Instant) {
        known = known.filter { $0.value > now }
    }

    private func decrement<Key: Hashable>(_ counts: inout [Key: Int], _ key: Key) {
        guard let count = counts[key] else { return }
        counts[key] = count > 1 ? count - 1 : nil
    }
}
