// SPDX-License-Identifier: Apache-2.0
public import struct NIOCore.ByteBuffer

/// One side of a subscription as it stands on disk, so that a restart changes nothing for anybody (RFC 3859 §3.4).
public struct SubscriptionRecord: Sendable, Hashable {
    /// Which of the two sides of a subscription is meant.
    public enum Side: UInt8, Sendable, Hashable {
        /// Users here are watched.
        case watched = 0
        /// Users here watch.
        case watching = 1
    }

    /// Which subscription is meant: there is one for a side and its two parties.
    public struct Key: Sendable, Hashable {
        /// Which side.
        public var side: Side
        /// Who watches.
        public var watcher: Address
        /// Who is watched.
        public var presentity: Address

        /// Makes a key.
        public init(_ side: Side, watcher: Address, presentity: Address) {
            self.side = side
            self.watcher = watcher
            self.presentity = presentity
        }
    }

    /// Which subscription it is.
    public var key: Key
    /// The subscription's identifier; none where there is no lease.
    public var id: ByteBuffer
    /// What it is in, as the program that keeps subscriptions counts it.
    public var flags: UInt16
    /// When the lease is over; nil where there is none.
    public var expires: WallTime?
    /// The number of the last notification.
    public var sequence: UInt64

    /// Makes a record.
    public init(key: Key, id: ByteBuffer, flags: UInt16, expires: WallTime?, sequence: UInt64) {
        self.key = key
        self.id = id
        self.flags = flags
        self.expires = expires
        self.sequence = sequence
    }
}

/// Something that is to be written to disk about a subscription.
public enum SubscriptionChange: Sendable, Hashable {
    /// It is as the record says.
    case save(SubscriptionRecord)
    /// It is gone.
    case remove(SubscriptionRecord.Key)

    /// Which subscription it is about.
    public var key: SubscriptionRecord.Key {
        switch self {
        case .save(let record): record.key
        case .remove(let key): key
        }
    }
}
