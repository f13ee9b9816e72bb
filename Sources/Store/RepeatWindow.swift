// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel
import Glibc

/// Remembers which messages were taken within the last minutes and how they ended, so that none is delivered twice
/// (RFC 2779 5.4.2; IMX-1, at most once).
///
/// The window is a table in memory that is mapped from a file: an entry costs a store into memory and no system call,
/// and it outlives the process, whatever ends it, because its pages belong to the kernel. It does not promise to
/// outlive the machine; after a power failure the senders' view is "uncertain" all the same.
///
/// The table has buckets of eight entries of sixteen octets. A full bucket gives up its oldest entry; ``lostEntries``
/// counts those that were still young, which tells that the table is too small for the traffic.
///
/// Confined to one event loop.
public final class RepeatWindow {
    /// What the window knows about a message.
    public enum Verdict: Sendable, Hashable {
        /// It was not seen; it has now been noted as taken.
        case new(Slot)
        /// It is being worked on, or was when an earlier process ended.
        case pending
        /// It ended so.
        case settled(OutcomeCode)
    }

    /// The place of a noted message.
    public struct Slot: Sendable, Hashable {
        fileprivate let index: Int
        fileprivate let fingerprint: UInt64
    }

    /// An error that keeps the window from opening.
    public struct OpenError: Error, CustomStringConvertible {
        /// What went wrong, with the path.
        public let description: String
    }

    private struct Entry {
        var fingerprint: UInt64
        var seconds: UInt32
        var code: UInt16
        var fingerprintTail: UInt16
    }

    private static let magic: UInt64 = 0x0131_7377_786d_6901  // "imxws1", version 1
    private static let headerOctets = 4096
    private static let bucketEntries = 8

    private let base: UnsafeMutableRawPointer
    private let mappedOctets: Int
    private let descriptor: Int32
    private let entries: UnsafeMutablePointer<Entry>
    private let bucketMask: Int
    private let key: (UInt64, UInt64)
    private let windowSeconds: UInt32
    private let clockOffset: Int64

    /// How many entries were given up before their time.
    public private(set) var lostEntries: UInt64 = 0
    /// Whether an earlier process left its entries here.
    public let isInherited: Bool

    /// Opens the window in the file at `path`, making it if there is none, or in memory alone where `path` is nil.
    ///
    /// - Parameters:
    ///   - capacity: the number of entries, rounded up to a power of two, at least 1,024. Sixteen octets each.
    ///   - window: how long a message is remembered. The protocol asks for ten minutes.
    ///   - now: the present on the clock that the other calls will use.
    /// - Throws: ``OpenError`` when the file cannot be made, has the wrong form, or the disk has no room for it.
    public init(path: String?, capacity: Int = 1 << 20, window: Interval = .seconds(600), now: Instant)
        throws(OpenError)
    {
        let buckets = max(128, (capacity / RepeatWindow.bucketEntries).roundedUpToPowerOfTwo)
        let octets = RepeatWindow.headerOctets + buckets * RepeatWindow.bucketEntries * MemoryLayout<Entry>.stride
        let mapping: FileMapping
        if let path {
            mapping = try FileMapping(path: path, octets: octets)
        } else {
            mapping = try FileMapping(anonymousOctets: octets)
        }
        base = mapping.base
        descriptor = mapping.descriptor
        mappedOctets = octets
        bucketMask = buckets - 1
        entries = (base + RepeatWindow.headerOctets).bindMemory(
            to: Entry.self,
            capacity: buckets * RepeatWindow.bucketEntries
        )
        windowSeconds = UInt32(clamping: window.nanoseconds / 1_000_000_000)
        let header = base.bindMemory(to: UInt64.self, capacity: 4)
        isInherited = header[0] == RepeatWindow.magic && header[3] == UInt64(buckets)
        if !isInherited {
            memset(base, 0, octets)
            var generator = SystemRandomNumberGenerator()
            header[1] = generator.next()
            header[2] = generator.next()
            header[3] = UInt64(buckets)
            header[0] = RepeatWindow.magic
        }
        key = (header[1], header[2])
        clockOffset = Int64(time(nil)) - Int64(clamping: now.nanoseconds / 1_000_000_000)
    }

    deinit {
        munmap(base, mappedOctets)
        if descriptor >= 0 { close(descriptor) }
    }

    /// Notes the message as taken, or tells that it was seen before.
    public func admit(_ envelope: borrowing Envelope, now: Instant) -> Verdict {
        let (bucketHash, fingerprint, tail) = fingerprints(of: envelope)
        let seconds = wallSeconds(now)
        let first = Int(truncatingIfNeeded: bucketHash) & bucketMask &* RepeatWindow.bucketEntries
        var victim = first
        var oldest = UInt32.max
        for index in first..<(first + RepeatWindow.bucketEntries) {
            let entry = entries[index]
            let isLive = isLive(entry, seconds)
            if isLive && entry.fingerprint == fingerprint && entry.fingerprintTail == tail {
                return entry.code == 0 ? .pending : .settled(OutcomeCode(rawValue: entry.code))
            }
            let age = isLive ? entry.seconds : 0
            if age < oldest {
                oldest = age
                victim = index
            }
        }
        if oldest != 0 { lostEntries += 1 }
        entries[victim] = Entry(fingerprint: fingerprint, seconds: seconds, code: 0, fingerprintTail: tail)
        return .new(Slot(index: victim, fingerprint: fingerprint))
    }

    /// What is known of the message, without noting it; nil where it was not seen.
    public func find(_ envelope: borrowing Envelope, now: Instant) -> Verdict? {
        let (bucketHash, fingerprint, tail) = fingerprints(of: envelope)
        let seconds = wallSeconds(now)
        let first = Int(truncatingIfNeeded: bucketHash) & bucketMask &* RepeatWindow.bucketEntries
        for entry in UnsafeBufferPointer(start: entries + first, count: RepeatWindow.bucketEntries)
        where isLive(entry, seconds) {
            guard entry.fingerprint == fingerprint && entry.fingerprintTail == tail else { continue }
            return entry.code == 0 ? .pending : .settled(OutcomeCode(rawValue: entry.code))
        }
        return nil
    }

    /// Whether the window still holds the entry. Two processes may read the clock a second apart, so that an entry of the
    /// earlier one can be a little ahead of the present; it is as good as any.
    private func isLive(_ entry: Entry, _ seconds: UInt32) -> Bool {
        let age = Int64(Int32(bitPattern: seconds &- entry.seconds))
        return entry.seconds != 0 && abs(age) < Int64(windowSeconds)
    }

    /// Notes how a message ended. One that was certainly not delivered is forgotten, so that it may be tried again.
    public func settle(_ slot: Slot, _ outcome: OutcomeCode, disposition: Disposition) {
        guard entries[slot.index].fingerprint == slot.fingerprint else { return }  // given up meanwhile
        switch disposition {
        case .delivered, .uncertain: entries[slot.index].code = outcome.rawValue
        case .failed, .expired: entries[slot.index] = Entry(fingerprint: 0, seconds: 0, code: 0, fingerprintTail: 0)
        }
    }

    private func fingerprints(of envelope: borrowing Envelope) -> (UInt64, UInt64, UInt16) {
        var hash = KeyedHash(key: key)
        hash.combine(envelope.source.localPart)
        hash.combine(envelope.source.domain.name)
        hash.combine(envelope.destination.localPart)
        hash.combine(envelope.destination.domain.name)
        hash.combine(envelope.messageID.octets)
        let (a, b) = hash.finalize()
        return (b, a, UInt16(truncatingIfNeeded: b &>> 48))
    }

    /// The wall clock's seconds as it would read if nobody had set it since the window was opened.
    private func wallSeconds(_ now: Instant) -> UInt32 {
        UInt32(truncatingIfNeeded: Int64(clamping: now.nanoseconds / 1_000_000_000) &+ clockOffset)
    }
}

/// Memory that belongs to a file, or to nothing.
private struct FileMapping {
    let base: UnsafeMutableRawPointer
    /// Open as long as the memory is in use, because it holds the lock; -1 where there is no file.
    let descriptor: Int32

    init(path: String, octets: Int) throws(RepeatWindow.OpenError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileMapping.error("cannot open", path, errno) }
        do {
            base = try FileMapping.map(descriptor, path: path, octets: octets)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
    }

    private static func map(
        _ descriptor: Int32,
        path: String,
        octets: Int
    ) throws(RepeatWindow.OpenError) -> UnsafeMutableRawPointer {
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw RepeatWindow.OpenError(description: "\(path) is in use by another process; stop that one first")
        }
        // Room is taken now: a write to mapped memory without room behind it would end the process.
        let failure = posix_fallocate(descriptor, 0, off_t(octets))
        guard failure == 0 else { throw error("no room for \(octets) octets in", path, failure) }
        guard ftruncate(descriptor, off_t(octets)) == 0 else { throw error("cannot size", path, errno) }
        guard let base = mmap(nil, octets, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), base != MAP_FAILED
        else { throw error("cannot map", path, errno) }
        return base
    }

    init(anonymousOctets octets: Int) throws(RepeatWindow.OpenError) {
        guard let base = mmap(nil, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            base != MAP_FAILED
        else { throw FileMapping.error("cannot map", "memory", errno) }
        self.base = base
        descriptor = -1
    }

    static func error(_ what: String, _ path: String, _ code: Int32) -> RepeatWindow.OpenError {
        RepeatWindow.OpenError(description: "\(what) \(path): \(String(cString: strerror(code)))")
    }
}

extension Int {
    fileprivate var roundedUpToPowerOfTwo: Int {
        self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount)
    }
}
