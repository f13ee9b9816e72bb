// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The present run's totals in a page of a file that is mapped into memory.
///
/// Writing them costs five stores and no system call, and they outlive the process, whatever ends it, because the page
/// belongs to the kernel. So the book of a run that was killed is as exact as that of one that was stopped. It does
/// not promise to outlive the machine; the database's last snapshot stands in then.
///
/// The file is locked while the page is mapped, so that a second process for the same directory finds out before it
/// has touched anything. Confined to one event loop.
public final class LedgerPage {
    private static let magic: UInt64 = 0x0131_6c77_786d_6901  // "imxwl1", version 1
    private static let octets = 4096
    /// Open as long as the page is mapped, because it holds the lock.
    private let descriptor: Int32
    private let base: UnsafeMutableRawPointer
    private let words: UnsafeMutablePointer<UInt64>
    /// What an earlier process left, if it left anything: its run and its totals.
    public let inherited: (run: Int64, totals: LedgerTotals)?

    /// Maps the page in the file at `path`, making it if there is none.
    ///
    /// - Throws: ``StoreError`` when the file cannot be made, has no room, or is in use by another process.
    public init(path: String) throws(StoreError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StoreError("cannot open \(path): \(String(cString: strerror(errno)))") }
        do throws(StoreError) {
            base = try LedgerPage.map(descriptor, path)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        words = base.bindMemory(to: UInt64.self, capacity: LedgerPage.octets / 8)
        inherited =
            words[0] == LedgerPage.magic
            ? (Int64(bitPattern: words[1]), LedgerPage.totals(words)) : nil
    }

    private static func map(_ descriptor: Int32, _ path: String) throws(StoreError) -> UnsafeMutableRawPointer {
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw StoreError("\(path) is in use by another process; stop that one first")
        }
        // Room is taken now: a write to mapped memory without room behind it would end the process.
        let failure = posix_fallocate(descriptor, 0, off_t(LedgerPage.octets))
        guard failure == 0 else { throw StoreError("no room for \(path): \(String(cString: strerror(failure)))") }
        guard let base = mmap(nil, LedgerPage.octets, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
            base != MAP_FAILED
        else { throw StoreError("cannot map \(path): \(String(cString: strerror(errno)))") }
        return base
    }

    deinit {
        munmap(base, LedgerPage.octets)
        close(descriptor)
    }

    /// Starts the book of a run at 0.
    public func begin(run: Int64) {
        words[0] = 0
        write(LedgerTotals())
        words[1] = UInt64(bitPattern: run)
        words[0] = LedgerPage.magic
    }

    /// Notes the totals. `accepted` is stored first, so that a process which dies in between leaves a book that says
    /// too little is settled and never too much.
    public func write(_ totals: LedgerTotals) {
        words[2] = totals.accepted
        words[3] = totals.delivered
        words[4] = totals.failed
        words[5] = totals.expired
        words[6] = totals.uncertain
    }

    private static func totals(_ words: UnsafeMutablePointer<UInt64>) -> LedgerTotals {
        LedgerTotals(
            accepted: words[2],
            delivered: words[3],
            failed: words[4],
            expired: words[5],
            uncertain: words[6]
        )
    }
}

/// Why something could not be kept or read.
public struct StoreError: Error, Sendable, CustomStringConvertible {
    /// What went wrong, with the path.
    public let description: String

    /// Makes an error.
    public init(_ description: String) {
        self.description = description
    }
}
