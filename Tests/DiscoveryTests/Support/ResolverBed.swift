// SPDX-License-Identifier: Apache-2.0
import Discovery
import EnvelopeModel
import Foundation
import NIOCore
import NIOPosix
import Testing

/// A resolver on an event loop, asked from a test.
final class ResolverBed: Sendable {
    private let eventLoop: any EventLoop
    private let resolver: NIOLoopBound<DNSResolver>

    /// Starts a resolver that asks `server` for everything below the root.
    static func start(
        _ server: NameServer,
        zones: [String],
        anchors: [String],
        _ change: (inout DNSSettings) -> Void = { _ in }
    ) async throws -> ResolverBed {
        var settings = DNSSettings()
        settings.upstream = .recursive
        settings.zones = zones.map { DNSSettings.Zone(name: $0, servers: [server.server]) }
        settings.trustAnchors = anchors
        settings.checksSignatures = !anchors.isEmpty
        // What is found is looked at here; that a look-up ends in time is LookupTests' to show, on a clock of its own.
        settings.limits.time = .seconds(60)
        change(&settings)
        return try await ResolverBed(settings)
    }

    init(_ settings: DNSSettings) async throws {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        self.eventLoop = eventLoop
        resolver = try await eventLoop.submit {
            NIOLoopBound(try DNSResolver(settings, on: eventLoop), eventLoop: eventLoop)
        }.get()
    }

    deinit {
        let resolver = resolver
        eventLoop.execute { resolver.value.stop() }
    }

    func resolve(_ name: String, for purpose: ServicePurpose = .messages) async throws -> Resolution {
        let domain = try #require(Domain(name))
        let resolver = resolver
        let promise = eventLoop.makePromise(of: Resolution.self)
        eventLoop.execute { resolver.value.resolve(domain, for: purpose) { promise.succeed($0) } }
        return try await promise.futureResult.get()
    }

    func service(_ name: String, for purpose: ServicePurpose = .messages) async throws -> PeerService {
        let resolution = try await resolve(name, for: purpose)
        guard case .service(let service) = resolution else { throw BedError("\(name): \(resolution)") }
        return service
    }

    func examine(_ name: String) async throws -> LookupReport {
        let domain = try #require(Domain(name))
        let resolver = resolver
        let promise = eventLoop.makePromise(of: LookupReport.self)
        eventLoop.execute { resolver.value.examine(domain) { promise.succeed($0) } }
        return try await promise.futureResult.get()
    }

    func forget(_ name: String) async throws {
        let domain = try #require(Domain(name))
        let resolver = resolver
        try await eventLoop.submit { resolver.value.forget(domain) }.get()
    }

    var counts: DNSCounts {
        get async throws {
            let resolver = resolver
            return try await eventLoop.submit { resolver.value.counts }.get()
        }
    }
}
