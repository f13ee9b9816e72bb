// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

import struct NIOCore.ByteBuffer

/// Foreign people as XMPP shows them: a server folds the case of addresses, their own domains may not (IMX 2.3).
///
/// The first of several people whose addresses differ in case only keeps the address, and answers go to that one in
/// the true spelling; the others are refused, so that nothing ever reaches the wrong person (standards reference H.3).
/// What is known is bounded, and forgotten with the process.
struct SenderNames {
    /// The folded address of everybody who wrote, and a hash of the true one.
    private var known: [Int: Int] = [:]
    /// The true addresses of those whose spelling is not the folded one.
    private var originals: [Address: Address] = [:]
    private static let limit = 65_536

    /// Whether `sender` may be shown under the folded address: nobody else is.
    mutating func admit(_ sender: Address) -> Bool {
        let folded = SenderNames.folded(sender)
        let exact = sender.hashValue
        let name = folded?.hashValue ?? exact
        if let first = known[name] { return first == exact }
        if known.count >= SenderNames.limit {
            known.removeAll(keepingCapacity: true)
            originals.removeAll()
        }
        known[name] = exact
        if let folded {
            let own = Address(localPart: ByteBuffer(bytes: sender.localPart.readableBytesView), domain: sender.domain)
            originals[folded] = own ?? sender
        }
        return true
    }

    /// The true address of the person whom local users know as `address`.
    func original(of address: Address) -> Address {
        originals.isEmpty ? address : originals[address] ?? address
    }

    /// The address as a server folds it; nil where it is that already.
    private static func folded(_ address: Address) -> Address? {
        let view = address.localPart.readableBytesView
        guard view.contains(where: { $0 >= 0x80 || ($0 >= 0x41 && $0 <= 0x5A) }) else { return nil }
        let text = String(decoding: view, as: UTF8.self)
        let lower = text.lowercased()
        guard !lower.utf8.elementsEqual(text.utf8) else { return nil }
        return Address(localPart: ByteBuffer(string: lower), domain: address.domain)
    }
}
