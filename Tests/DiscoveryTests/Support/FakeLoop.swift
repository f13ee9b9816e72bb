// SPDX-License-Identifier: Apache-2.0
import Discovery
import EnvelopeModel
import NIOCore
import NIOPosix

/// A look-up that runs into its time.
struct FakeLoop {
    func expired(_ prepare: @escaping @Sendable (FakeSource) -> Void) async throws -> (String, Int) {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = eventLoop.makePromise(of: (String, Int).self)
        eventLoop.execute {
            let bed = FakeBed(on: eventLoop) { $0.time = .milliseconds(50) }
            prepare(bed.source)
            guard let domain = Domain("b.example") else { return promise.succeed(("", 0)) }
            bed.resolver.resolve(domain) { promise.succeed(($0.text, bed.source.withdrawn)) }
        }
        return try await promise.futureResult.get()
    }
}
