// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel

/// Presence while the link goes down and comes back.
extension Check {
    static let linkPresence: [Check] = [
        watched(
            "link.presence",
            "once the link is back, a watcher is told what is, whatever was missed",
            proves: "RFC2779 3.2.3",
            "RFC2779 3.2.5",
            needs: [.losesItsLink],
            hint: "keep no state over a lost link; answer .probe with what the service says now"
        ) { bench in
            let (user, watcher) = (bench.subject.knownUser, try await bench.approvedWatcher())
            try await bench.subject.act(.appears(user, device: "desk", status: "before"))
            try await bench.until("\"before\"", of: watcher) { $0.status == "before" }
            try await bench.cut()
            try await bench.subject.act(.appears(user, device: "desk", status: "meanwhile"))
            try await bench.restore()
            try await bench.until("\"meanwhile\"", of: watcher) { $0.status == "meanwhile" }
            await bench.quiet()
            let last = bench.sightings(of: watcher).last?.status
            try bench.require(last == "meanwhile", "nothing older afterwards", seen: "\(last ?? "nobody")")
        },
        watched(
            "link.shown",
            "once the link is back, a user sees what is, whatever was missed",
            proves: "RFC2779 3.2.3",
            needs: [.losesItsLink],
            hint: "orders that a lost link took with it are given again; carry them out as if they were the first"
        ) { bench in
            let (presentity, id) = try await bench.approvedPresentity()
            try await bench.cut()
            bench.tell(id, presentity, .active, "meanwhile")
            try await bench.restore()
            func seen() -> String { "\(bench.views(of: presentity))" }
            try await bench.until("\"meanwhile\"", seen: seen) { bench.views(of: presentity).last == "meanwhile" }
        },
        watched(
            "link.asked",
            "a question that was open when the link broke can be answered once it is back",
            proves: "IMX 2.5a",
            "RFC2779 3.2.5",
            needs: [.losesItsLink, .decidesLater],
            hint: "an answer counts whenever it comes; remember no questions"
        ) { bench in
            let (user, watcher) = (bench.subject.knownUser, try bench.stranger())
            try await bench.ask(watcher)
            try await bench.cut()
            try await bench.restore()
            try await bench.subject.act(.approves(user, watcher))
            try await bench.until("an active subscription", of: watcher) { $0.state == .active }
        },
    ]
}
