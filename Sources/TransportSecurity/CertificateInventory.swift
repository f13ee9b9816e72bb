// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel
import Glibc

/// Our certificates as they were read at one moment: what is served, and what was wrong with the files.
package struct CertificateInventory: Sendable {
    /// A certificate in use.
    package struct Entry: Sendable {
        /// The files it was read from.
        package let files: TLSSettings.Files
        /// The certificate.
        package let certificate: OwnCertificate
        let stamps: [FileStamp?]
    }

    /// A file that is no good, or could not be read.
    package struct Problem: Sendable, Hashable, CustomStringConvertible {
        /// The name that it was to serve; nil for the default certificate and for roots.
        package let domain: Domain?
        /// Where.
        package let file: String
        /// What is wrong, for people.
        package let text: String
        /// What to do about it, for people.
        package let remedy: String

        package var description: String { "\(file): \(text); \(remedy)" }
    }

    /// A certificate for `imx status` and `imx config check`.
    package struct Status: Sendable, Hashable {
        /// The name it serves; nil for the default certificate.
        package let domain: Domain?
        /// The file of the chain.
        package let file: String
        /// Until when it is valid, in seconds since 1970.
        package let notAfter: Int64
        /// The DNS names in it.
        package let names: [String]
    }

    /// What is served to who asks for a name.
    package private(set) var entries: [Domain: Entry] = [:]
    /// What is served to who asks for none.
    package private(set) var defaultEntry: Entry?
    /// What is wrong now, in the order of the names.
    package private(set) var problems: [Problem] = []
    /// How many files were read anew for this inventory.
    package private(set) var readCount = 0

    /// Files that were no good, as they were then: they are not read again before they change.
    private var refused: [TLSSettings.Files: Refused] = [:]

    private struct Refused {
        var stamps: [FileStamp?]
        var problem: Problem
    }

    /// The certificates in use, the soonest to end first.
    package var expiries: [Status] {
        var all = entries.map { name, entry in Status(name, entry) }
        if let defaultEntry { all.append(Status(nil, defaultEntry)) }
        return all.sorted { ($0.notAfter, $0.domain?.name ?? "") < ($1.notAfter, $1.domain?.name ?? "") }
    }

    /// Reads what the settings name. Blocks on the disk; whoever confines connections to a loop calls it elsewhere.
    ///
    /// A pair of files is checked whole before it is taken. Where it is no good, what `old` had for the name stays in
    /// use, and the problem is told. Files that did not change since `old` are not read again.
    package init(reading settings: TLSSettings, replacing old: CertificateInventory? = nil, time: Int64) {
        var sources = settings.certificates
        if let directory = settings.directory {
            if let found = CertificateInventory.folders(directory) {
                sources.merge(found) { listed, _ in listed }
            } else {
                let reason = String(cString: strerror(errno))
                entries = old?.entries ?? [:]
                let remedy = "make it a directory that this service may read"
                problems.append(Problem(domain: nil, file: directory, text: reason, remedy: remedy))
            }
        }
        for (name, files) in sources {
            entries[name] = take(files, for: name, instead: old?.entries[name], old, time)
        }
        if let files = settings.defaultCertificate {
            defaultEntry = take(files, for: nil, instead: old?.defaultEntry, old, time)
        }
        problems.sort { ($0.domain?.name ?? "", $0.file) < ($1.domain?.name ?? "", $1.file) }
    }

    private mutating func take(
        _ files: TLSSettings.Files,
        for name: Domain?,
        instead old: Entry?,
        _ previous: CertificateInventory?,
        _ time: Int64
    ) -> Entry? {
        let stamps = [FileStamp(files.chain), FileStamp(files.key)]
        if let old, old.files == files, old.stamps == stamps, !stamps.contains(nil) { return old }
        if let known = previous?.refused[files], known.stamps == stamps, known.problem.domain == name {
            refused[files] = known
            problems.append(known.problem)
            return old
        }
        readCount += 1
        do {
            return Entry(
                files: files,
                certificate: try OwnCertificate(files, for: name, time: time),
                stamps: stamps
            )
        } catch {
            let problem = Problem(domain: name, file: error.file, text: error.text, remedy: error.remedy)
            problems.append(problem)
            if !error.isPassing { refused[files] = Refused(stamps: stamps, problem: problem) }
            return old
        }
    }

    /// The folders of a directory whose names are domains; nil where it cannot be read, and `errno` says why.
    private static func folders(_ directory: String) -> [Domain: TLSSettings.Files]? {
        guard let listing = opendir(directory) else { return nil }
        defer { closedir(listing) }
        var folders: [Domain: TLSSettings.Files] = [:]
        while let item = readdir(listing) {
            let name = withUnsafePointer(to: &item.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            // certbot's README and hidden files are no domains.
            guard let domain = Domain(name), domain.name == name else { continue }
            let folder = "\(directory)/\(name)"
            guard FileStamp(folder)?.isDirectory == true else { continue }
            folders[domain] = TLSSettings.Files(chain: folder + "/fullchain.pem", key: folder + "/privkey.pem")
        }
        return folders
    }
}

extension CertificateInventory.Status {
    fileprivate init(_ domain: Domain?, _ entry: CertificateInventory.Entry) {
        self.init(
            domain: domain,
            file: entry.files.chain,
            notAfter: entry.certificate.notAfter,
            names: entry.certificate.names
        )
    }
}

/// What changes when a file is replaced or written to.
struct FileStamp: Sendable, Hashable {
    let device: UInt64
    let inode: UInt64
    let size: Int64
    let seconds: Int64
    let nanoseconds: Int64
    let isDirectory: Bool

    /// Follows symbolic links; nil where nothing is there.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        seconds = Int64(status.st_mtim.tv_sec)
        nanoseconds = Int64(status.st_mtim.tv_nsec)
        isDirectory = status.st_mode & S_IFMT == S_IFDIR
    }
}
