// SPDX-License-Identifier: Apache-2.0
import Discovery
import EnvelopeModel
import Testing

@testable import TransportSecurity

/// Certificates of every kind, and what policy makes of each.
enum Zoo {
    /// A chain to be judged.
    struct Exhibit {
        var chain: [Issued]
        var roots: [Issued]
        /// Whom it is to speak for.
        var domain = "a.example"
        var isServer = true
        /// Days from now at which it is judged.
        var day = 0
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var name: String
        /// A part of the refusal; nil where the certificate is good.
        var refusal: String?
        var make: @Sendable () throws -> Exhibit

        init(_ name: String, _ refusal: String?, _ make: @escaping @Sendable () throws -> Exhibit) {
            self.name = name
            self.refusal = refusal
            self.make = make
        }

        var testDescription: String { name }
    }

    /// An ordinary chain with one thing about it changed.
    static func changed(
        _ change: @escaping @Sendable (inout CertificatePlan) -> Void
    ) -> @Sendable () throws -> Exhibit {
        {
            let authority = try Authority()
            let own = try authority.issue(CertificatePlan.server("a.example").with(change))
            return Exhibit(chain: own.chain, roots: [authority.root])
        }
    }

    static func names(_ names: String, for domain: String = "a.example") -> @Sendable () throws -> Exhibit {
        {
            let authority = try Authority()
            let own = try authority.issue(CertificatePlan.server("x").with { $0.names = names })
            return Exhibit(chain: own.chain, roots: [authority.root], domain: domain)
        }
    }

    /// A chain whose intermediate authority is as `plan` says.
    static func under(
        _ plan: @escaping @Sendable (inout CertificatePlan) -> Void
    ) -> @Sendable () throws -> Exhibit {
        {
            let root = try Issued(.authority("Root"))
            let middle = try Issued(CertificatePlan.authority("Middle").with(plan), by: root)
            let own = try Issued(.server("a.example"), by: middle)
            return Exhibit(chain: own.chain, roots: [root])
        }
    }

    static let good = changed { _ in }
    static let otherNames = "the certificate is for"
    static let unknown = "does not lead to a trusted authority"
    static let purpose = "may not be used for"
    static let constraints = "name constraints"

    static let dates: [Row] = [
        Row("a good chain", nil, good),
        Row(
            "expired",
            "the certificate has expired on",
            changed {
                $0.from = -20; $0.until = -1
            }
        ),
        Row("not valid yet", "the certificate is not valid yet until", changed { $0.from = 2 }),
        Row("judged after its end", "the certificate has expired on") {
            try {
                var exhibit = $0; exhibit.day = 100; return exhibit
            }(good())
        },
        Row("judged before its beginning", "not valid yet") {
            try {
                var exhibit = $0; exhibit.day = -10; return exhibit
            }(good())
        },
        Row(
            "expired intermediate",
            "a certificate above it has expired",
            under {
                $0.from = -20; $0.until = -1
            }
        ),
        Row("a lifetime of thirty years", nil, changed { $0.until = 10_950 }),
    ]

    static let naming: [Row] = [
        Row("another domain's", otherNames, names("DNS:b.example")),
        Row("one of several names", nil, names("DNS:b.example,DNS:a.example,DNS:c.example")),
        Row("the name in capitals", nil, names("DNS:A.EXAMPLE")),
        Row(
            "only a common name",
            "names no domain",
            changed {
                $0.subject = "a.example"; $0.names = nil
            }
        ),
        Row(
            "a common name beside another SAN",
            otherNames,
            changed {
                $0.subject = "a.example"; $0.names = "DNS:b.example"
            }
        ),
        Row(
            "a common name beside an address",
            "names no domain",
            changed {
                $0.subject = "a.example"; $0.names = "IP:192.0.2.1"
            }
        ),
        Row("a mail address of the domain", "names no domain", names("email:someone@a.example")),
        Row("a URI of the domain", "names no domain", names("URI:https://a.example/")),
        Row(
            "NUL inside the name",
            otherNames,
            names("DER:30:15:82:13:61:2e:65:78:61:6d:70:6c:65:00:2e:65:76:69:6c:2e:6e:65:74")
        ),
        Row("NUL after the name", otherNames, names("DER:30:0c:82:0a:61:2e:65:78:61:6d:70:6c:65:00")),
        Row("a dot after the name", otherNames, names("DNS:a.example.")),
        Row("a name that ends alike", otherNames, names("DNS:example")),
        Row("a name that begins alike", otherNames, names("DNS:a.example.evil.net")),
        Row("a longer name", otherNames, names("DNS:x.a.example")),
        Row("a wildcard for one label", nil, names("DNS:*.b.example", for: "a.b.example")),
        Row("a wildcard for the domain above", otherNames, names("DNS:*.a.example")),
        Row("a wildcard for two labels", otherNames, names("DNS:*.example.net", for: "a.b.example.net")),
        Row("a wildcard for a top-level domain", otherNames, names("DNS:*.example")),
        Row("a wildcard for everything", otherNames, names("DNS:*")),
        Row("a wildcard inside a label", otherNames, names("DNS:a*.b.example", for: "ab.b.example")),
        Row("a wildcard in the second label", otherNames, names("DNS:a.*.example", for: "a.b.example")),
        Row("two wildcards", otherNames, names("DNS:*.*.example", for: "a.b.example")),
        Row("an IDN in A-labels", nil, names("DNS:xn--bcher-kva.example", for: "xn--bcher-kva.example")),
        Row(
            "an IDN in raw UTF-8",
            otherNames,
            names("DER:30:11:82:0f:62:c3:bc:63:68:65:72:2e:65:78:61:6d:70:6c:65", for: "xn--bcher-kva.example")
        ),
        Row("a wildcard inside an A-label", otherNames, names("DNS:xn--*.b.example", for: "xn--bcher-kva.b.example")),
        Row("an A-label under a wildcard", nil, names("DNS:*.b.example", for: "xn--bcher-kva.b.example")),
    ]

    static let usages: [Row] = [
        Row("server use, as server", nil, changed { $0.extendedUsage = "serverAuth" }),
        Row("server and client use, as server", nil, changed { $0.extendedUsage = "serverAuth,clientAuth" }),
        Row("client use only, as server", purpose, changed { $0.extendedUsage = "clientAuth" }),
        Row("code signing only", purpose, changed { $0.extendedUsage = "codeSigning" }),
        Row("no extended usage", nil, changed { $0.extendedUsage = nil }),
        Row("a key that signs only certificates", purpose, changed { $0.usage = "keyCertSign" }),
        Row("client use, as client", nil) {
            try {
                var exhibit = $0; exhibit.isServer = false; return exhibit
            }(changed { $0.extendedUsage = "clientAuth" }())
        },
        Row("server and client use, as client", nil) {
            try {
                var exhibit = $0; exhibit.isServer = false; return exhibit
            }(
                changed { $0.extendedUsage = "serverAuth,clientAuth" }()
            )
        },
        Row("server use only, as client", purpose) {
            try {
                var exhibit = $0; exhibit.isServer = false; return exhibit
            }(good())
        },
        Row("an authority for clients only", purpose, under { $0.extendedUsage = "clientAuth" }),
        Row("an authority's own certificate that may sign", nil) {
            let root = try Issued(
                CertificatePlan.authority("a.example").with { plan in
                    plan.names = "DNS:a.example"
                    plan.usage = "keyCertSign,digitalSignature"
                }
            )
            return Exhibit(chain: [root], roots: [root])
        },
        Row("a remark", nil, changed { $0.comment = "a remark" }),
        Row(
            "a critical extension that nobody knows",
            "unhandled critical",
            changed { $0.comment = "critical,a remark" }
        ),
    ]

    static let strength: [Row] = [
        Row("RSA of 2048 bits", nil, changed { $0.key = .rsa(2048) }),
        Row("RSA of 1024 bits", "the certificate has a weak key", changed { $0.key = .rsa(1024) }),
        Row("signed with SHA-1", "weak digest", changed { $0.digest = "SHA1" }),
        Row("intermediate signed with SHA-1", "weak digest", under { $0.digest = "SHA1" }),
        Row("intermediate of 1024 bits", "a certificate above it has a weak key", under { $0.key = .rsa(1024) }),
        Row("signed with SHA-384", nil, changed { $0.digest = "SHA384" }),
    ]

    static let paths: [Row] = [
        Row("self-signed", "the certificate is self-signed") {
            Exhibit(chain: [try Issued(.server("a.example"))], roots: [try Authority().root])
        },
        Row("self-signed and known", nil) {
            let own = try Issued(.server("a.example"))
            return Exhibit(chain: [own], roots: [own])
        },
        Row("self-signed and known, for another domain", otherNames) {
            let own = try Issued(.server("b.example"))
            return Exhibit(chain: [own], roots: [own])
        },
        Row("an unknown authority", unknown) {
            Exhibit(chain: try Authority().issue(.server("a.example")).chain, roots: [try Authority().root])
        },
        Row("an unknown authority that sends its root", "the certificate's authority is not trusted here") {
            let authority = try Authority()
            return Exhibit(
                chain: try authority.issue(.server("a.example")).chain + [authority.root],
                roots: [try Authority().root]
            )
        },
        Row("an authority of the same name with another key", unknown) {
            Exhibit(chain: try Authority("X").issue(.server("a.example")).chain, roots: [try Authority("X").root])
        },
        Row("no intermediate", unknown) {
            let authority = try Authority()
            return Exhibit(chain: [try authority.issue(.server("a.example"))], roots: [authority.root])
        },
        Row("the chain in another order", nil) {
            let authority = try Authority()
            let own = try authority.issue(.server("a.example"))
            return Exhibit(chain: [own, authority.root, authority.intermediate], roots: [authority.root])
        },
        Row("the intermediate first", otherNamesOrNone) {
            let authority = try Authority()
            let own = try authority.issue(.server("a.example"))
            return Exhibit(chain: [authority.intermediate, own], roots: [authority.root])
        },
        Row("with strangers in the chain", nil) {
            let authority = try Authority()
            let own = try authority.issue(.server("a.example"))
            return Exhibit(chain: own.chain + [try Issued(.server("b.example"))], roots: [authority.root])
        },
        Row(
            "issued by a certificate that is no authority",
            "is not an authority's",
            under { $0.constraints = "CA:FALSE" }
        ),
        Row("a domain's certificate that issues others", "is not an authority's") {
            let authority = try Authority()
            let bad = try authority.issue(.server("evil.example"))
            let own = try Issued(.server("a.example"), by: bad)
            return Exhibit(chain: own.chain, roots: [authority.root])
        },
        Row("a path longer than the authority allows", "path length") {
            let root = try Issued(
                CertificatePlan.authority("Root").with { $0.constraints = "critical,CA:TRUE,pathlen:0" }
            )
            let middle = try Issued(.authority("Middle"), by: root)
            return Exhibit(chain: try Issued(.server("a.example"), by: middle).chain, roots: [root])
        },
        Row("an authority for the domain", nil, under { $0.nameConstraints = "critical,permitted;DNS:example" }),
        Row(
            "an authority for other domains",
            constraints,
            under { $0.nameConstraints = "critical,permitted;DNS:example.net" }
        ),
        Row(
            "an authority for all but the domain",
            constraints,
            under { $0.nameConstraints = "critical,excluded;DNS:a.example" }
        ),
        Row("a signature of another key", "the signature on the certificate is wrong") {
            let authority = try Authority()
            let own = try Issued(.server("a.example"), by: authority.intermediate, signer: try Key())
            return Exhibit(chain: own.chain, roots: [authority.root])
        },
    ]

    static let otherNamesOrNone = "the certificate names no domain"
    static let all = dates + naming + usages + strength + paths
}

struct ZooTests {
    @Test("S46, S47: each kind of certificate finds its verdict", arguments: Zoo.all)
    func verdict(_ row: Zoo.Row) throws {
        let exhibit = try row.make()
        let roots = TrustRoots(exhibit.roots.compactMap { X509Certificate(der: $0.der) })
        let certificate = PresentedCertificate(
            chain: exhibit.chain.map(\.der),
            roots: roots,
            isServer: exhibit.isServer
        )
        let domain = try #require(Domain(exhibit.domain))
        let time = now + Int64(exhibit.day) * 86_400
        // Twice: the second verdict is from memory.
        for _ in 0..<2 {
            let refusal = certificate.refusal(for: domain, host: nil, security: .insecure, time: time)
            if let expected = row.refusal {
                #expect(refusal?.contains(expected) == true, "\(refusal ?? "it was taken")")
            } else {
                #expect(refusal == nil)
            }
        }
    }

    @Test("S46: the zoo has its forty rows and more")
    func size() {
        #expect(Zoo.all.count >= 60)
    }

    @Test("S46: a verdict in memory ends with the certificate")
    func memoryEnds() throws {
        let authority = try Authority()
        let own = try authority.issue(.server("a.example").with { $0.until = 1 })
        let roots = TrustRoots([try #require(X509Certificate(der: authority.root.der))])
        let certificate = PresentedCertificate(chain: own.chain.map(\.der), roots: roots, isServer: true)
        let domain = try #require(Domain("a.example"))
        #expect(certificate.refusal(for: domain, host: nil, security: .insecure, time: now) == nil)
        #expect(certificate.refusal(for: domain, host: nil, security: .insecure, time: now + 90_000) != nil)
        #expect(certificate.refusal(for: domain, host: nil, security: .insecure, time: now) == nil)
    }

    @Test("S46: octets that are no certificate are refused, whatever they are")
    func garbage() throws {
        let good = try Issued(.server("a.example")).der
        let domain = try #require(Domain("a.example"))
        let roots = TrustRoots([])
        let chains: [[[UInt8]]] = [
            [], [[]], [[0x30]], [Array(good.dropLast())], [good + [0]], [Array(repeating: 0x30, count: 100)],
        ]
        for chain in chains {
            let certificate = PresentedCertificate(chain: chain, roots: roots, isServer: true)
            #expect(
                certificate.refusal(for: domain, host: nil, security: .insecure, time: now)
                    == "the certificate cannot be read"
            )
            #expect(certificate.summary == "an unreadable certificate")
        }
    }

    @Test("S43: what a certificate calls itself reaches the log as printable ASCII")
    func summary() throws {
        let own = try Issued(CertificatePlan(subject: "evil\u{1B}[31m\r\nname", names: nil))
        let summary = PresentedCertificate(chain: [own.der], roots: TrustRoots([]), isServer: true).summary
        #expect(summary.utf8.allSatisfy { (0x20...0x7E).contains($0) })
        #expect(summary.contains("SHA-256"))
        let named = try Issued(
            CertificatePlan(subject: "x", names: "DER:30:08:82:06:61:1b:5b:0a:0d:62")
        )
        let evil = PresentedCertificate(chain: [named.der], roots: TrustRoots([]), isServer: true)
        #expect(evil.summary.hasPrefix("a?[??b (SHA-256 "))
        let domain = try #require(Domain("a.example"))
        let refusal = evil.refusal(for: domain, host: nil, security: .insecure, time: now)
        #expect(refusal == "the certificate is for a?[??b, not for a.example")
        let many = try Issued(.server("a.example", "b.example", "c.example", "d.example", "e.example"))
        let other = PresentedCertificate(chain: [many.der], roots: TrustRoots([]), isServer: true).summary
        #expect(other.hasPrefix("a.example, b.example, c.example and 2 more (SHA-256 "))
    }
}
