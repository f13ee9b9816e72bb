// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

// A target imports only from lower tiers; `Scripts/build` makes that law with
// --explicit-target-dependency-import-check error. See Documentation/Architecture.md.

let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let posix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

let package = Package(
    name: "imx-aggregator",
    products: [
        .executable(name: "imx", targets: ["imx"]),
        .library(name: "AdapterKit", targets: ["AdapterKit"]),
        .library(name: "AdapterHarness", targets: ["AdapterHarness"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // Tier 0: what everything speaks of.
        .systemLibrary(name: "CExpat", pkgConfig: "expat", providers: [.apt(["libexpat1-dev"])]),
        .systemLibrary(name: "CIDN2", pkgConfig: "libidn2", providers: [.apt(["libidn2-dev"])]),
        .systemLibrary(name: "CLibXML2", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
        .systemLibrary(name: "CLibCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        // Without pkgConfig: its file names private libraries that nobody here needs.
        .systemLibrary(name: "CUnbound", providers: [.apt(["libunbound-dev"])]),
        .target(name: "Digests", dependencies: ["CLibCrypto"]),
        .target(name: "EnvelopeModel", dependencies: [nio]),
        // Tier 1: formats and state machines; bytes and time come in, actions come out.
        .target(name: "IMXWire", dependencies: ["EnvelopeModel", "Digests", nio]),
        .target(name: "XMLStream", dependencies: ["CExpat", nio]),
        .target(name: "MessageFormats", dependencies: ["CLibXML2", "EnvelopeModel", nio]),
        .target(
            name: "Configuration",
            dependencies: ["EnvelopeModel", .product(name: "Yams", package: "Yams")]
        ),
        .target(name: "Discovery", dependencies: ["EnvelopeModel", "CUnbound", "CIDN2", nio]),
        // Tier 2: what adapters and the core stand on.
        .target(name: "AdapterKit", dependencies: ["EnvelopeModel", nio, logging]),
        .target(
            name: "Store",
            dependencies: ["EnvelopeModel", nio, .product(name: "GRDB", package: "GRDB.swift")]
        ),
        .target(name: "Telemetry", dependencies: ["EnvelopeModel", logging]),
        .target(name: "Policy", dependencies: ["EnvelopeModel", "Configuration", nio]),
        .target(
            name: "TransportSecurity",
            dependencies: ["EnvelopeModel", "Discovery", "Digests", "CLibCrypto", nio, nioTLS, nioSSL]
        ),
        // Tier 3: the core. No socket, no wire format.
        .target(name: "Presence", dependencies: ["EnvelopeModel", "AdapterKit", nio]),
        .target(
            name: "Aggregator",
            dependencies: ["EnvelopeModel", "AdapterKit", "Presence", "Store", "Telemetry", nio, logging]
        ),
        // Tier 4: the ways in and out.
        .target(
            name: "IMXFront",
            dependencies: [
                "EnvelopeModel", "IMXWire", "MessageFormats", "AdapterKit", "Aggregator", "Configuration", "Telemetry",
                "Discovery", "TransportSecurity", nio, posix, nioSSL, logging,
            ]
        ),
        .target(
            name: "StubAdapter",
            dependencies: ["EnvelopeModel", "AdapterKit", "Configuration", "MessageFormats", nio, logging],
            path: "Adapters/Stub",
            exclude: ["README.md", "stub.example.yaml"]
        ),
        .target(
            name: "XMPPAdapter",
            dependencies: [
                "CIDN2", "EnvelopeModel", "AdapterKit", "Configuration", "MessageFormats", "XMLStream", "Telemetry",
                "Digests", nio, posix, logging,
            ],
            path: "Adapters/XMPP",
            exclude: ["README.md", "xmpp.example.yaml", "mod_imx_route.lua"]
        ),
        // Tier 5: the conformance kit and the one executable.
        .target(
            name: "AdapterHarness",
            dependencies: [
                "EnvelopeModel", "AdapterKit", "Aggregator", "MessageFormats", "Presence", "Store", nio, logging,
            ]
        ),
        .executableTarget(
            name: "imx",
            dependencies: [
                "EnvelopeModel", "Configuration", "AdapterKit", "Store", "Telemetry", "Aggregator", "Presence",
                "IMXFront",
                "IMXWire", "MessageFormats", "Digests", "Discovery", "Policy", "TransportSecurity", "StubAdapter",
                "XMPPAdapter", nio, posix, nioSSL, logging,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]
        ),
        .testTarget(
            name: "AdapterHarnessTests",
            dependencies: [
                "AdapterHarness", "StubAdapter", "AdapterKit", "Aggregator", "Configuration", "EnvelopeModel",
                "MessageFormats", "Store", nio, posix, logging,
            ]
        ),
        .testTarget(name: "EnvelopeModelTests", dependencies: ["EnvelopeModel", nio]),
        .testTarget(
            name: "AggregatorTests",
            dependencies: [
                "Aggregator", "AdapterHarness", "AdapterKit", "EnvelopeModel", "Presence", "Store", nio, logging,
            ]
        ),
        .testTarget(
            name: "IMXFrontTests",
            dependencies: [
                "TestSupport", "IMXFront", "IMXWire", "Aggregator", "AdapterHarness", "AdapterKit", "EnvelopeModel",
                "Store",
                "Discovery", "Presence", "Telemetry", "TransportSecurity", nio, posix, logging,
            ]
        ),
        // What tests of several targets need.
        .target(name: "TestSupport", path: "Tests/Support"),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "TestSupport", "imx", "Configuration", "EnvelopeModel", "Discovery", "IMXFront", "Store",
                "TransportSecurity", nio, posix, logging,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]
        ),
        .testTarget(
            name: "PresenceTests",
            dependencies: ["TestSupport", "Presence", "AdapterKit", "EnvelopeModel", nio]
        ),
        .testTarget(name: "ConfigurationTests", dependencies: ["Configuration", "EnvelopeModel"]),
        .testTarget(name: "PolicyTests", dependencies: ["Policy", "Configuration", "EnvelopeModel", nio]),
        .testTarget(name: "MessageFormatsTests", dependencies: ["MessageFormats", "EnvelopeModel", nio]),
        .testTarget(
            name: "StoreTests",
            dependencies: [
                "Store", "Telemetry", "EnvelopeModel", nio, logging, .product(name: "GRDB", package: "GRDB.swift"),
            ]
        ),
        .testTarget(name: "DiscoveryTests", dependencies: ["Discovery", "EnvelopeModel", "TestSupport", nio, posix]),
        .testTarget(
            name: "TransportSecurityTests",
            dependencies: [
                "TransportSecurity", "IMXFront", "IMXWire", "Discovery", "Digests", "EnvelopeModel", "CLibCrypto", nio,
                posix, nioSSL,
            ]
        ),
        .testTarget(name: "IMXWireTests", dependencies: ["EnvelopeModel", "IMXWire", "TestSupport", nio]),
        .testTarget(name: "XMLStreamTests", dependencies: ["XMLStream", nio]),
        .testTarget(
            name: "XMPPAdapterTests",
            dependencies: [
                "XMPPAdapter", "EnvelopeModel", "AdapterHarness", "AdapterKit", "Configuration", "IMXWire",
                "MessageFormats", "Telemetry", "XMLStream", nio, posix, logging,
            ]
        ),
        // The fuzzer's inputs that are kept; the fuzzer itself is a package of its own in the same folder.
        .testTarget(
            name: "FuzzTests",
            dependencies: [
                "EnvelopeModel", "IMXWire", "XMLStream", "MessageFormats", "Discovery", "TransportSecurity", nio,
            ],
            path: "Tests/Fuzz/Sources",
            exclude: ["Fuzzer"]
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "TestSupport", "XMPPAdapter", "AdapterHarness", "AdapterKit", "Configuration", "Digests",
                "EnvelopeModel", "MessageFormats", "XMLStream", nio, posix,
            ]
        ),
    ]
)

// The benchmark's pair of aggregators is made of parts that only this package sees; nobody else pays for it.
if Context.environment["IMX_BENCHMARK"] != nil {
    package.targets.append(
        .executableTarget(
            name: "imx-pair",
            dependencies: [
                "EnvelopeModel", "AdapterKit", "Aggregator", "Discovery", "IMXFront", "IMXWire", "Store", nio, posix,
                logging,
            ],
            path: "Tests/Benchmarks/Pair"
        )
    )
    package.targets.append(
        .executableTarget(
            name: "imx-leases",
            dependencies: ["AdapterKit", "EnvelopeModel", "Presence", "Store", nio],
            path: "Tests/Benchmarks/Leases"
        )
    )
}

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
