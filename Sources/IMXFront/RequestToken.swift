// SPDX-License-Identifier: Apache-2.0
import IMXWire

/// What the front calls a request of a peer toward the core: its connection, its tag, and the kind of answer it is owed.
struct RequestToken: Hashable {
    /// What kind of answer a request is owed.
    enum Kind: UInt64, CaseIterable {
        case message
        case report
        case subscribe
        case notify
        case get
        /// None at all.
        case none = 7

        /// The type of the answer; nil where none is owed.
        var answerType: RecordType? {
            switch self {
            case .message: .message
            case .report: .report
            case .subscribe: .subscribe
            case .notify: .notify
            case .get: .get
            case .none: nil
            }
        }
    }

    let rawValue: UInt64

    init(rawValue: UInt64) { self.rawValue = rawValue }

    init(_ connection: ConnectionHandle, tag: UInt32, _ kind: Kind) {
        rawValue = connection.rawValue << 35 | kind.rawValue << 32 | UInt64(tag)
    }

    var tag: UInt32 { UInt32(truncatingIfNeeded: rawValue) }

    var kind: Kind { Kind(rawValue: rawValue >> 32 & 7) ?? .none }

    /// The connection. A token has room for the low 29 bits of its number; the others are those of `latest`, the latest
    /// connection there is, or of the ones right before it.
    func connection(latest: UInt64) -> ConnectionHandle {
        let low = rawValue >> 35
        let room: UInt64 = 1 << 29
        let candidate = latest & ~(room - 1) | low
        return ConnectionHandle(rawValue: candidate > latest && candidate >= room ? candidate - room : candidate)
    }
}
