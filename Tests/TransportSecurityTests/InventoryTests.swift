// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Foundation
import Testing

@testable import TransportSecurity

struct InventoryTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var name: String
        /// A part of the problem; nil where the files are good.
        var problem: String?
        /// Writes NAME's files.
        var write: @Sendable (Folder, Authority) throws -> Void
        var testDescription: String { name }

        init(_ name: String, _ problem: String?, _ write: @escaping @Sendable (Folder, Authority) throws -> Void) {
            self.name = name
            self.problem = problem
            self.write = write
        }
    }

    static let rows: [Row] = [
        Row("good files", nil) { try $0.put(try $1.issue(.server("a.example")), as: "a.example") },
        Row("RSA", nil) {
            try $0.put(try $1.issue(CertificatePlan.server("a.example").with { $0.key = .rsa(2048) }), as: "a.example")
        },
        Row("a wildcard", nil) { try $0.put(try $1.issue(.server("a.example", "*.a.example")), as: "a.example") },
        Row("no folder content", "fullchain.pem: No such file or directory; put the file there") { folder, _ in
            try FileManager.default.createDirectory(atPath: folder("live/a.example"), withIntermediateDirectories: true)
        },
        Row("no key", "privkey.pem: No such file or directory") {
            try $0.put(try $1.issue(.server("a.example")), as: "a.example")
            try FileManager.default.removeItem(atPath: $0("live/a.example/privkey.pem"))
        },
        Row("another key", "the key is not the one of the certificate") {
            try $0.put(try $1.issue(.server("a.example")), as: "a.example")
            try $1.issue(.server("a.example")).write(to: $0("x.pem"), key: $0("live/a.example/privkey.pem"))
        },
        Row("another domain's", "the certificate is for b.example, not for a.example; get one that has a.example") {
            try $0.put(try $1.issue(.server("b.example")), as: "a.example")
        },
        Row("a common name only", "the certificate is for no domain") {
            try $0.put(try $1.issue(CertificatePlan(subject: "a.example", names: nil)), as: "a.example")
        },
        Row("expired", "the certificate expired on") {
            try $0.put(
                try $1.issue(
                    CertificatePlan.server("a.example").with {
                        $0.from = -9; $0.until = -2
                    }
                ),
                as: "a.example"
            )
        },
        Row("not valid yet", "check this machine's clock") {
            try $0.put(try $1.issue(CertificatePlan.server("a.example").with { $0.from = 2 }), as: "a.example")
        },
        Row("chain in another order", "the certificates are not in order") {
            let own = try $1.issue(.server("a.example"))
            try $0.put(own, as: "a.example")
            try own.write(chain: [own, $1.root, $1.intermediate], to: $0("live/a.example/fullchain.pem"))
        },
        Row("empty files", "no certificate in PEM is there") {
            try $0.put(try $1.issue(.server("a.example")), as: "a.example")
            try Data().write(to: URL(fileURLWithPath: $0("live/a.example/fullchain.pem")))
        },
        Row("half a certificate", "cannot be read") {
            try $0.put(try $1.issue(.server("a.example")), as: "a.example")
            let file = URL(fileURLWithPath: $0("live/a.example/fullchain.pem"))
            try Data(contentsOf: file).prefix(300).write(to: file)
        },
        Row("half an intermediate", "certificate 2 in it cannot be read") {
            try $0.put(try $1.issue(.server("a.example")), as: "a.example")
            let file = URL(fileURLWithPath: $0("live/a.example/fullchain.pem"))
            try Data(contentsOf: file).dropLast(200).write(to: file)
        },
        Row("a key with a passphrase", "an encrypted one cannot be used") {
            try $0.put(try $1.issue(.server("a.example")), as: "a.example")
            let key = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIHs\n-----END ENCRYPTED PRIVATE KEY-----\n"
            try Data(key.utf8).write(to: URL(fileURLWithPath: $0("live/a.example/privkey.pem")))
        },
        Row("the certificate instead of the key", "no private key in PEM") {
            let own = try $1.issue(.server("a.example"))
            try $0.put(own, as: "a.example")
            try own.write(to: $0("live/a.example/privkey.pem"))
        },
    ]

    @Test("S47: files are checked whole, and what is wrong is told with its remedy", arguments: rows)
    func check(_ row: Row) throws {
        let folder = try Folder()
        let authority = try Authority()
        let domain = try #require(Domain("a.example"))
        try row.write(folder, authority)
        let settings = TLSSettings(directory: folder("live"))
        let inventory = CertificateInventory(reading: settings, time: now)
        #expect((inventory.entries[domain] != nil) == (row.problem == nil))
        if let expected = row.problem {
            #expect(inventory.problems.count == 1)
            #expect(inventory.problems.first?.description.contains(expected) == true, "\(inventory.problems)")
            #expect(inventory.problems.first?.domain == domain)
            // With a good one in use before, that one stays.
            let other = try Folder()
            try other.put(try authority.issue(.server("a.example")), as: "a.example")
            let good = CertificateInventory(reading: TLSSettings(directory: other("live")), time: now)
            let after = CertificateInventory(reading: settings, replacing: good, time: now)
            #expect(after.entries[domain]?.certificate.fingerprint == good.entries[domain]?.certificate.fingerprint)
            #expect(after.problems == inventory.problems)
            // The bad files are not read again before they change.
            let again = CertificateInventory(reading: settings, replacing: after, time: now)
            #expect(again.problems == inventory.problems)
            #expect(again.readCount == 0 || expected.contains("clock"))
        } else {
            #expect(inventory.problems.isEmpty)
            #expect(inventory.expiries.first?.domain == domain)
            #expect(inventory.expiries.first?.names.first == "a.example")
            #expect(inventory.expiries.first.map { abs($0.notAfter - now - 90 * 86_400) < 10 } == true)
        }
    }

    @Test("S47: a change is seen by time, size or inode, as certbot makes it; what did not change is not read")
    func changes() throws {
        let folder = try Folder()
        let authority = try Authority()
        let files = FileManager.default
        let domains = try ["a.example", "b.example"].map { try #require(Domain($0)) }
        // As certbot does: the names in `live` are links into `archive`.
        for (number, domain) in domains.enumerated() {
            try files.createDirectory(atPath: folder("live/\(domain)"), withIntermediateDirectories: true)
            try files.createDirectory(atPath: folder("archive/\(domain)"), withIntermediateDirectories: true)
            try authority.issue(.server(domain.name))
                .write(to: folder("archive/\(domain)/fullchain1.pem"), key: folder("archive/\(domain)/privkey1.pem"))
            for file in ["fullchain", "privkey"] {
                try files.createSymbolicLink(
                    atPath: folder("live/\(domain)/\(file).pem"),
                    withDestinationPath: "../../archive/\(domain)/\(file)1.pem"
                )
            }
            #expect(number < 2)
        }
        try Data("not a domain".utf8).write(to: URL(fileURLWithPath: folder("live/README")))
        let settings = TLSSettings(directory: folder("live"))
        let first = CertificateInventory(reading: settings, time: now)
        #expect(first.readCount == 2 && first.problems.isEmpty)
        let second = CertificateInventory(reading: settings, replacing: first, time: now)
        #expect(second.readCount == 0)
        try authority.issue(.server("b.example"))
            .write(to: folder("archive/b.example/fullchain2.pem"), key: folder("archive/b.example/privkey2.pem"))
        // In the middle of the renewal, chain and key do not fit: the old pair stays.
        try files.removeItem(atPath: folder("live/b.example/fullchain.pem"))
        try files.createSymbolicLink(
            atPath: folder("live/b.example/fullchain.pem"),
            withDestinationPath: "../../archive/b.example/fullchain2.pem"
        )
        let middle = CertificateInventory(reading: settings, replacing: second, time: now)
        #expect(middle.readCount == 1 && middle.problems.count == 1)
        #expect(
            middle.entries[domains[1]]?.certificate.fingerprint == first.entries[domains[1]]?.certificate.fingerprint
        )
        try files.removeItem(atPath: folder("live/b.example/privkey.pem"))
        try files.createSymbolicLink(
            atPath: folder("live/b.example/privkey.pem"),
            withDestinationPath: "../../archive/b.example/privkey2.pem"
        )
        let third = CertificateInventory(reading: settings, replacing: middle, time: now)
        #expect(third.readCount == 1 && third.problems.isEmpty)
        #expect(
            third.entries[domains[1]]?.certificate.fingerprint != first.entries[domains[1]]?.certificate.fingerprint
        )
        #expect(
            third.entries[domains[0]]?.certificate.fingerprint == first.entries[domains[0]]?.certificate.fingerprint
        )
        // A folder that is gone is served no more; a directory that cannot be read changes nothing.
        try files.removeItem(atPath: folder("live/b.example"))
        let fourth = CertificateInventory(reading: settings, replacing: third, time: now)
        #expect(fourth.entries.count == 1 && fourth.problems.isEmpty)
        try files.moveItem(atPath: folder("live"), toPath: folder("elsewhere"))
        let fifth = CertificateInventory(reading: settings, replacing: fourth, time: now)
        #expect(fifth.entries.count == 1 && fifth.problems.count == 1)
    }

    @Test("S47: listed files go before the directory's, and the default serves who asks for no name")
    func listed() throws {
        let folder = try Folder()
        let authority = try Authority()
        let domain = try #require(Domain("a.example"))
        try folder.put(try authority.issue(.server("a.example")), as: "a.example")
        let own = try authority.issue(.server("a.example"))
        try own.write(to: folder("own.pem"), key: folder("own.key"))
        let files = TLSSettings.Files(chain: folder("own.pem"), key: folder("own.key"))
        let settings = TLSSettings(certificates: [domain: files], defaultCertificate: files, directory: folder("live"))
        let inventory = CertificateInventory(reading: settings, time: now)
        #expect(inventory.entries.count == 1)
        #expect(inventory.entries[domain]?.files == files)
        #expect(inventory.defaultEntry?.files == files)
        #expect(inventory.expiries.count == 2)
    }

    @Test("S47: roots that cannot be read are told")
    func roots() throws {
        let folder = try Folder()
        let missing = TrustRoots(TLSSettings(extraRootFiles: [folder("none.pem")], usesSystemRoots: false))
        #expect(missing.problems.first?.hasPrefix(folder("none.pem")) == true)
        #expect(TrustRoots(TLSSettings()).problems.isEmpty)
    }
}
