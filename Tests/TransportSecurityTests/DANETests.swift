// SPDX-License-Identifier: Apache-2.0
import CLibCrypto
import Digests
import Discovery
import EnvelopeModel
import Testing

@testable import TransportSecurity

struct DANETests {
    /// What a record is made from.
    enum Subject: Sendable { case own, intermediate, root, stranger }

    struct Row: Sendable, CustomTestStringConvertible {
        var name: String
        var records: [(usage: UInt8, selector: UInt8, matching: UInt8, of: Subject)]
        var security = PeerService.Security.secure
        /// Whether the trust roots know the authority.
        var isPublic = false
        var names = ["a.example"]
        var until = 90
        var sendsRoot = true
        /// A part of the refusal; nil where it is good.
        var refusal: String?

        var testDescription: String { name }
    }

    static let none = "matches none of the host's TLSA records"
    static let unknown = "authority"
    static let names = "the certificate is for"

    static let rows: [Row] = [
        Row(name: "3 1 1 of the certificate", records: [(3, 1, 1, .own)]),
        Row(name: "3 0 1 of the certificate", records: [(3, 0, 1, .own)]),
        Row(name: "3 1 2 of the certificate", records: [(3, 1, 2, .own)]),
        Row(name: "3 0 0 of the certificate", records: [(3, 0, 0, .own)]),
        Row(name: "3 1 0 of the certificate", records: [(3, 1, 0, .own)]),
        Row(name: "3 1 1: the name does not count", records: [(3, 1, 1, .own)], names: ["other.example"]),
        Row(name: "3 1 1: the dates do not count", records: [(3, 1, 1, .own)], until: -1),
        Row(name: "3 1 1 of another certificate", records: [(3, 1, 1, .stranger)], refusal: none),
        Row(
            name: "3 1 1 of another, though a public authority vouches",
            records: [(3, 1, 1, .stranger)],
            isPublic: true,
            refusal: none
        ),
        Row(name: "3 1 1 of the authority is not about the server", records: [(3, 1, 1, .intermediate)], refusal: none),
        Row(name: "two records, the second matches", records: [(3, 1, 1, .stranger), (3, 1, 1, .own)]),
        Row(
            name: "3 1 1 in unsigned answers says nothing",
            records: [(3, 1, 1, .own)],
            security: .insecure,
            refusal: unknown
        ),
        Row(
            name: "3 1 1 of another in unsigned answers says nothing",
            records: [(3, 1, 1, .stranger)],
            security: .insecure,
            isPublic: true
        ),
        Row(name: "2 1 1 of the intermediate authority", records: [(2, 1, 1, .intermediate)]),
        Row(name: "2 0 1 of the root that was sent", records: [(2, 0, 1, .root)]),
        Row(name: "2 0 1 of a root that was not sent", records: [(2, 0, 1, .root)], sendsRoot: false, refusal: none),
        Row(
            name: "2 0 0 of a root that was not sent: the record has it",
            records: [(2, 0, 0, .root)],
            sendsRoot: false
        ),
        Row(
            name: "2 1 1: the name counts",
            records: [(2, 1, 1, .intermediate)],
            names: ["other.example"],
            refusal: names
        ),
        Row(name: "2 1 1: the dates count", records: [(2, 1, 1, .intermediate)], until: -1, refusal: "has expired"),
        Row(
            name: "2 1 1: the host's name is as good",
            records: [(2, 1, 1, .intermediate)],
            names: ["front1.b.example"]
        ),
        Row(name: "2 1 1 of another authority", records: [(2, 1, 1, .stranger)], isPublic: true, refusal: none),
        Row(name: "2 1 1 of the certificate itself", records: [(2, 1, 1, .own)], refusal: none),
        Row(name: "1 1 1 of the certificate of a public authority", records: [(1, 1, 1, .own)], isPublic: true),
        Row(name: "1 1 1 of the certificate of an unknown authority", records: [(1, 1, 1, .own)], refusal: unknown),
        Row(name: "1 1 1 of another certificate", records: [(1, 1, 1, .stranger)], isPublic: true, refusal: none),
        Row(
            name: "1 1 1: the name counts",
            records: [(1, 1, 1, .own)],
            isPublic: true,
            names: ["other.example"],
            refusal: names
        ),
        Row(name: "0 1 1 of the public root", records: [(0, 1, 1, .root)], isPublic: true),
        Row(name: "0 1 1 of the intermediate", records: [(0, 1, 1, .intermediate)], isPublic: true),
        Row(name: "0 1 1 of another authority", records: [(0, 1, 1, .stranger)], isPublic: true, refusal: none),
        Row(
            name: "0 1 1 of the certificate itself is no authority",
            records: [(0, 1, 1, .own)],
            isPublic: true,
            refusal: none
        ),
        Row(name: "0 1 1 of an authority that nobody knows", records: [(0, 1, 1, .root)], refusal: unknown),
        Row(name: "usage 4 is none", records: [(4, 1, 1, .own)], isPublic: true),
        Row(name: "usage 4 is none, and nobody else vouches", records: [(4, 1, 1, .own)], refusal: unknown),
        Row(name: "selector 2 is none", records: [(3, 2, 1, .stranger)], isPublic: true),
        Row(name: "matching 3 is none", records: [(3, 1, 3, .stranger)], isPublic: true),
        Row(
            name: "one unusable, one that does not match",
            records: [(3, 1, 3, .own), (3, 1, 1, .stranger)],
            isPublic: true,
            refusal: none
        ),
        Row(
            name: "no records, signed answers: the host's name counts",
            records: [],
            isPublic: true,
            names: ["front1.b.example"]
        ),
        Row(
            name: "no records, unsigned answers: it does not",
            records: [],
            security: .insecure,
            isPublic: true,
            names: ["front1.b.example"],
            refusal: names
        ),
        Row(
            name: "no records, signed answers, another name",
            records: [],
            isPublic: true,
            names: ["front2.b.example"],
            refusal: names
        ),
    ]

    @Test("S47, S49: TLSA records (RFC 7671, RFC 7673) find their verdict", arguments: rows)
    func verdict(_ row: Row) throws {
        let authority = try Authority()
        let plan = CertificatePlan.server("x").with { plan in
            plan.names = row.names.map { "DNS:" + $0 }.joined(separator: ",")
            plan.from = -10
            plan.until = row.until
        }
        let own = try authority.issue(plan)
        let stranger = try Issued(.server("s.example"))
        let records = try row.records.map { record in
            let subject =
                switch record.of {
                case .own: own
                case .intermediate: authority.intermediate
                case .root: authority.root
                case .stranger: stranger
                }
            return try TLSARecord(subject, record.usage, record.selector, record.matching)
        }
        let host = PeerService.Host(name: "front1.b.example", port: 5290, usesTLS: true, tlsa: records)
        let roots = TrustRoots(row.isPublic ? [try #require(X509Certificate(der: authority.root.der))] : [])
        let chain = own.chain + (row.sendsRoot ? [authority.root] : [])
        let certificate = PresentedCertificate(chain: chain.map(\.der), roots: roots, isServer: true)
        let domain = try #require(Domain("a.example"))
        for _ in 0..<2 {
            let refusal = certificate.refusal(for: domain, host: host, security: row.security, time: now)
            if let expected = row.refusal {
                #expect(refusal?.contains(expected) == true, "\(refusal ?? "it was taken")")
            } else {
                #expect(refusal == nil)
            }
        }
    }

    @Test("RFC 6698: records with impossible digests are unusable")
    func unusable() {
        for (matching, size, isUsable) in [
            (1, 32, true), (1, 31, false), (1, 0, false), (2, 64, true), (2, 32, false), (0, 0, false), (0, 5, true),
            (3, 32, false),
        ] {
            let record = TLSARecord(
                usage: 3,
                selector: 1,
                matching: UInt8(matching),
                association: Array(repeating: 7, count: size)
            )
            #expect(record.isUsable == isUsable, "matching \(matching), \(size) octets")
        }
    }
}

extension TLSARecord {
    fileprivate init(_ subject: Issued, _ usage: UInt8, _ selector: UInt8, _ matching: UInt8) throws {
        let certificate = try #require(X509Certificate(der: subject.der))
        let octets = selector == 0 ? certificate.der : certificate.publicKey
        var digest = octets
        if matching == 1 { digest = Digests.sha256(octets) }
        if matching == 2 {
            digest = [UInt8](unsafeUninitializedCapacity: 64) { output, count in
                SHA512(octets, octets.count, output.baseAddress)
                count = 64
            }
        }
        self.init(usage: usage, selector: selector, matching: matching, association: digest)
    }
}
