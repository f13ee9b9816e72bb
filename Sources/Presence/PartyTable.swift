// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore

/// The parties of all subscriptions, each address once: its local part in one common store, its domain by number.
///
/// An address costs its local part's octets and about twenty-five more, where one of its own costs two hundred. A class,
/// so that a look into the table does not copy the references that it is made of.
final class PartyTable {
    private struct Entry {
        var offset: UInt32
        var length: UInt16
        var domain: UInt32
        /// How many rows name the party; 0 where the entry is free.
        var uses: UInt32
    }

    private struct DomainEntry {
        var domain: Domain
        var uses: Int
    }

    private var octets: [UInt8] = []
    private var deadOctets = 0
    private var entries: ContiguousArray<Entry> = []
    private var free: [UInt32] = []
    private var index = SlotIndex()
    private var domains: [DomainEntry] = []
    private var freeDomains: [UInt32] = []
    private var domainNumbers: [Domain: UInt32] = [:]

    /// The octets of all local parts. What belongs to nobody any more takes at most as much room again, until a party
    /// comes that needs it.
    var octetCount: Int { octets.count - deadOctets }

    /// How many parties there are.
    var count: Int { entries.count - free.count }

    /// The number of the party, if it is known.
    func find(_ address: Address) -> UInt32? {
        guard let domain = domainNumbers[address.domain] else { return nil }
        return address.localPart.withUnsafeReadableBytes { bytes in
            index.find(hash(bytes, domain)) { matches($0, bytes, domain) }
        }
    }

    /// The number of the party, which is entered where it is new; one more row names it.
    func retain(_ address: Address) -> UInt32 {
        if let known = find(address) {
            entries[Int(known)].uses += 1
            return known
        }
        let domain = number(of: address.domain)
        domains[Int(domain)].uses += 1
        compactIfWasteful()
        let entry = Entry(
            offset: UInt32(octets.count),
            length: UInt16(address.localPart.readableBytes),
            domain: domain,
            uses: 1
        )
        octets.append(contentsOf: address.localPart.readableBytesView)
        let party: UInt32
        if let reused = free.popLast() {
            party = reused
            entries[Int(party)] = entry
        } else {
            party = UInt32(entries.count)
            entries.append(entry)
        }
        index.insert(party, hash: hash(party))
        return party
    }

    /// One row less names the party.
    func release(_ party: UInt32) {
        entries[Int(party)].uses -= 1
        guard entries[Int(party)].uses == 0 else { return }
        index.remove(party, hash: hash(party))
        let entry = entries[Int(party)]
        deadOctets += Int(entry.length)
        free.append(party)
        domains[Int(entry.domain)].uses -= 1
        if domains[Int(entry.domain)].uses == 0 {
            domainNumbers[domains[Int(entry.domain)].domain] = nil
            freeDomains.append(entry.domain)
        }
    }

    /// The address of a party.
    func address(_ party: UInt32) -> Address {
        let entry = entries[Int(party)]
        var local = ByteBuffer()
        octets.withUnsafeBytes { bytes in
            _ = local.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[range(entry)]))
        }
        return Address(uncheckedLocalPart: local, domain: domains[Int(entry.domain)].domain)
    }

    /// The domain of a party.
    func domain(_ party: UInt32) -> Domain { domains[Int(entries[Int(party)].domain)].domain }

    /// The number of a party's domain.
    func domainNumber(_ party: UInt32) -> UInt32 { entries[Int(party)].domain }

    /// The number of a domain, if any party is of it.
    func number(ofKnown domain: Domain) -> UInt32? { domainNumbers[domain] }

    private func number(of domain: Domain) -> UInt32 {
        if let known = domainNumbers[domain] { return known }
        let entry = DomainEntry(domain: domain, uses: 0)
        let number: UInt32
        if let reused = freeDomains.popLast() {
            number = reused
            domains[Int(number)] = entry
        } else {
            number = UInt32(domains.count)
            domains.append(entry)
        }
        domainNumbers[domain] = number
        return number
    }

    private func range(_ entry: Entry) -> Range<Int> { Int(entry.offset)..<(Int(entry.offset) + Int(entry.length)) }

    private func matches(_ party: UInt32, _ local: UnsafeRawBufferPointer, _ domain: UInt32) -> Bool {
        let entry = entries[Int(party)]
        guard entry.domain == domain, Int(entry.length) == local.count else { return false }
        return octets.withUnsafeBytes { $0[range(entry)].elementsEqual(local) }
    }

    private func hash(_ party: UInt32) -> UInt32 {
        let entry = entries[Int(party)]
        return octets.withUnsafeBytes { hash(UnsafeRawBufferPointer(rebasing: $0[range(entry)]), entry.domain) }
    }

    /// Strangers choose local parts, so the hash is a seeded one.
    private func hash(_ local: UnsafeRawBufferPointer, _ domain: UInt32) -> UInt32 {
        var hasher = Hasher()
        hasher.combine(domain)
        hasher.combine(bytes: local)
        return UInt32(truncatingIfNeeded: hasher.finalize())
    }

    /// Moves the octets together once more than half of them belong to nobody.
    private func compactIfWasteful() {
        guard deadOctets > 65_536, deadOctets * 2 > octets.count else { return }
        var kept: [UInt8] = []
        kept.reserveCapacity(octets.count - deadOctets)
        for party in entries.indices where entries[party].uses > 0 {
            let offset = UInt32(kept.count)
            kept.append(contentsOf: octets[range(entries[party])])
            entries[party].offset = offset
        }
        octets = kept
        deadOctets = 0
    }
}
