// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

import struct NIOCore.ByteBuffer

/// Foreign people as XMPP shows them: a server folds the case of addresses, their own domains may not (IMX 2.3).
///
/// An address belongs to whom a user here used it for, else to the first of several people whose addresses differ in
/// case only; answers go to that one in the true spelling. The others are refused, so that nothing ever reaches the
/// wrong person (standards reference H.3). What is known is bounded, the oldest is forgotten first, and all of it with
/// the process.
struct SenderNames {
    private struct Owner {
        /// A hash of the true address.
        var exact: Int
        /// The true address, where its spelling is not the folded one.
        var original: Address?
    }

    /// Who owns an address, by a hash of it as it is folded.
    private var owners = Recent<Owner>(limit: 65_536)
    /// Those who asked to see somebody and own no address yet, by a hash of the user here and the folded address.
    private var asking = Recent<Address>(limit: 4_096)
    /// How many true addresses were ever noted: most services have none.
    private var hasOriginals = false

    /// Whether `sender` may be shown under the folded address: nobody else is. From then on the address is theirs.
    mutating func admit(_ sender: Address) -> Bool {
        let folded = SenderNames.folded(sender)
        let exact = sender.hashValue
        let name = folded?.hashValue ?? exact
        if let owner = owners[name] { return owner.exact == exact }
        owners[name] = Owner(exact: exact, original: folded == nil ? nil : sender.detached())
        if folded != nil { hasOriginals = true }
        return true
    }

    /// Whether the folded address is nobody else's. This makes nobody its owner.
    func isFree(for sender: Address) -> Bool {
        let name = SenderNames.folded(sender)?.hashValue ?? sender.hashValue
        return owners[name].map { $0.exact == sender.hashValue } ?? true
    }

    /// Whether `watcher` may ask `user`. A question alone makes nobody the owner of an address.
    mutating func mayAsk(_ watcher: Address, _ user: Address) -> Bool {
        let folded = SenderNames.folded(watcher)
        let exact = watcher.hashValue
        let owner = owners[folded?.hashValue ?? exact]
        if let owner, owner.exact != exact { return false }
        if let folded {
            if owner == nil { asking[PresenceMemory.pair(user, folded)] = watcher.detached() }
        } else if !asking.isEmpty {
            // Whose address is spelled so asks in earnest.
            asking[PresenceMemory.pair(user, watcher)] = nil
        }
        return true
    }

    /// The one whose question `user` answers under `address`, if that is not whom the address belongs to; asked once.
    mutating func takeAsker(of user: Address, as address: Address) -> Address? {
        guard !asking.isEmpty else { return nil }
        let pair = PresenceMemory.pair(user, address)
        defer { asking[pair] = nil }
        return asking[pair]
    }

    /// The true address of the person whom a user here means by `address`; it stays that person's.
    mutating func meant(by address: Address) -> Address {
        let folded = SenderNames.folded(address)
        let name = folded?.hashValue ?? address.hashValue
        if let owner = owners[name] { return owner.original ?? folded ?? address }
        owners[name] = Owner(exact: address.hashValue, original: folded == nil ? nil : address.detached())
        if folded != nil { hasOriginals = true }
        return address
    }

    /// Nobody is there under the address that a user here had used: it is free for who spells it otherwise.
    mutating func release(_ address: Address) {
        let name = address.hashValue
        if owners[name]?.exact == name { owners[name] = nil }
    }

    /// The true address of the person whom local users know as `address`.
    func original(of address: Address) -> Address {
        hasOriginals ? owners[address.hashValue]?.original ?? address : address
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
