// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A private authority, and the certificates that it has made for one domain, of which one at a time is in place.
struct TestAuthority {
    /// The authority's own certificate.
    let file: String
    private let scratch: Scratch
    private let directory: URL

    static let isPossible = Place.has("openssl")

    init(in scratch: Scratch) async throws {
        self.scratch = scratch
        directory = try scratch.directory("authority-\(UInt32.random(in: 0 ... .max))")
        file = directory.appending(path: "ca.pem").path
        try await openssl("-subj", "/CN=Test authority", "-keyout", "ca.key", "-out", "ca.pem", "-addext", Self.isCA)
    }

    private static let isCA = "basicConstraints=critical,CA:TRUE"

    /// Makes a certificate for `domain` that is good for `days`.
    func issue(_ domain: String, _ version: Int, days: Int) async throws {
        _ = try scratch.directory("\(directory.lastPathComponent)/\(domain)-\(version)")
        try await openssl(
            "-subj",
            "/CN=\(domain)",
            "-addext",
            "subjectAltName=DNS:\(domain)",
            "-addext",
            "extendedKeyUsage=serverAuth",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-days",
            "\(days)",
            "-keyout",
            "\(domain)-\(version)/privkey.pem",
            "-out",
            "\(domain)-\(version)/fullchain.pem"
        )
    }

    /// Puts a version in place in the directory of certificates `live`, in one step as certbot does.
    func install(_ domain: String, _ version: Int, in live: String) throws {
        let link = "\(live)/\(domain)"
        let new = "\(live)/.\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createSymbolicLink(
            atPath: new,
            withDestinationPath: directory.appending(path: "\(domain)-\(version)").path
        )
        guard rename(new, link) == 0 else { throw HarnessError("cannot rename \(new): errno \(errno)") }
    }

    private func openssl(_ arguments: String...) async throws {
        let process = try ChildProcess(
            "openssl-\(UInt32.random(in: 0 ... .max))",
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"] + arguments,
            in: directory
        )
        let end = try await process.wait(within: .seconds(30))
        guard end == .exited(0) else { throw HarnessError("openssl \(end)\n\(process.tail(20))") }
    }
}
