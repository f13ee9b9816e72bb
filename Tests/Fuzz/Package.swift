// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

// A package of its own, since what is built for libFuzzer has no main function and would fail in an ordinary build.
// The parts under test are compiled here anew, from the very files of the aggregator, which the link `Parts` leads to:
// so they are instrumented, what they show only to their own package can be seen, and neither has to be made public
// for it. Scripts/fuzz builds and runs it.

let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")

let package = Package(
    name: "fuzz",
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2")
    ],
    targets: [
        .systemLibrary(name: "CExpat", path: "Parts/CExpat", pkgConfig: "expat"),
        .systemLibrary(name: "CIDN2", path: "Parts/CIDN2", pkgConfig: "libidn2"),
        .systemLibrary(name: "CLibCrypto", path: "Parts/CLibCrypto", pkgConfig: "libcrypto"),
        .systemLibrary(name: "CLibXML2", path: "Parts/CLibXML2", pkgConfig: "libxml-2.0"),
        .systemLibrary(name: "CUnbound", path: "Parts/CUnbound"),
        .target(name: "Digests", dependencies: ["CLibCrypto"], path: "Parts/Digests"),
        .target(name: "EnvelopeModel", dependencies: [nio], path: "Parts/EnvelopeModel"),
        .target(name: "IMXWire", dependencies: ["EnvelopeModel", "Digests", nio], path: "Parts/IMXWire"),
        .target(name: "XMLStream", dependencies: ["CExpat", nio], path: "Parts/XMLStream"),
        .target(
            name: "MessageFormats",
            dependencies: ["CLibXML2", "EnvelopeModel", nio],
            path: "Parts/MessageFormats"
        ),
        .target(
            name: "Discovery",
            dependencies: ["EnvelopeModel", "CUnbound", "CIDN2", nio],
            path: "Parts/Discovery"
        ),
        // Without what needs NIOSSL, which would take longer to compile than all the rest.
        .target(
            name: "TransportSecurity",
            dependencies: ["EnvelopeModel", "Discovery", "Digests", "CLibCrypto", nio],
            path: "Parts/TransportSecurity",
            sources: [
                "ClientHello.swift", "ConnectionSecurity.swift", "PathValidation.swift", "PresentedCertificate.swift",
                "TLSARecord+Match.swift", "TLSSettings.swift", "TrustLevel.swift", "TrustRoots.swift",
                "X509Certificate.swift",
            ]
        ),
        .target(
            name: "FuzzBodies",
            dependencies: [
                "EnvelopeModel", "IMXWire", "XMLStream", "MessageFormats", "Discovery", "TransportSecurity", nio,
            ],
            path: "Sources/Bodies"
        ),
        .executableTarget(
            name: "fuzz",
            dependencies: ["FuzzBodies"],
            path: "Sources/Fuzzer",
            swiftSettings: [.unsafeFlags(["-parse-as-library"])]
        ),
    ]
)

for target in package.targets where target.type != .system {
    var settings = target.swiftSettings ?? []
    settings += [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .treatAllWarnings(as: .error),
    ]
    target.swiftSettings = settings
}
