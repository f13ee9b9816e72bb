// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel
import NIOCore
import NIOPosix
import TransportSecurity

/// Certificates that are read anew while connections stand.
extension SocketTransport {
    /// What a reload found.
    package struct Reload: Sendable {
        /// How many pairs of files were read, because they are new or have changed.
        package let readCount: Int
        /// Whether something else is wrong than at the last time.
        package let hasOtherProblems: Bool
        /// What is wrong now; where something is, what was in use before stays in use.
        package let problems: [String]
    }

    /// Reads certificates and roots anew, off the loop, and then takes those that are good for new connections.
    ///
    /// - Parameters:
    ///   - time: Wall time in seconds since 1970.
    ///   - includingRoots: Whether the authorities are read too, which takes longer.
    ///   - completion: Called on the loop, once.
    package func reloadCertificates(
        time: Int64,
        includingRoots: Bool = true,
        completion: @escaping (Reload) -> Void = { _ in }
    ) {
        guard let security else { return completion(Reload(readCount: 0, hasOtherProblems: false, problems: [])) }
        let settings = security.settings
        let old = security.inventory
        let bound = NIOLoopBound((security, completion), eventLoop: eventLoop)
        NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) {
            let inventory = CertificateInventory(reading: settings, replacing: old, time: time)
            return (inventory, includingRoots ? TrustRoots(settings) : nil)
        }.whenComplete { result in
            let (security, completion) = bound.value
            switch result {
            case .failure(let error):
                completion(Reload(readCount: 0, hasOtherProblems: true, problems: ["reading failed: \(error)"]))
            case .success(let (inventory, roots)):
                let hasOtherProblems = inventory.problems != security.inventory.problems
                if inventory.readCount > 0 || roots != nil || hasOtherProblems
                    || inventory.entries.count != security.inventory.entries.count
                {
                    security.install(inventory, roots: roots)
                }
                completion(
                    Reload(
                        readCount: inventory.readCount,
                        hasOtherProblems: hasOtherProblems,
                        problems: inventory.problems.map(\.description) + (roots?.problems ?? [])
                    )
                )
            }
        }
    }

    /// Looks every so often whether files have changed, and takes them; `report` is called where something was read, or
    /// something else is wrong.
    package func watchCertificates(
        every interval: Interval,
        time: @escaping () -> Int64,
        report: @escaping (Reload) -> Void
    ) {
        let bound = NIOLoopBound((time, report), eventLoop: eventLoop)
        certificateWatch?.cancel()
        certificateWatch = eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(interval.nanoseconds)) {
            [weak self] in
            guard let self else { return }
            reloadCertificates(time: bound.value.0(), includingRoots: false) { reload in
                if reload.readCount > 0 || reload.hasOtherProblems { bound.value.1(reload) }
            }
            watchCertificates(every: interval, time: bound.value.0, report: bound.value.1)
        }
    }
}
