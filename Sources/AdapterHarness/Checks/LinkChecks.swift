// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel

/// The link goes down and comes back.
extension Check {
    static let link: [Check] = [
        Check(
            "link.reported",
            "the adapter tells when its link is lost and when it is back",
            proves: "IMX 4.1",
            needs: [.losesItsLink],
            hint: "call host.linkChanged(to:) at every change"
        ) { bench in
            try await bench.cut()
            try await bench.restore()
        },
        Check(
            "link.resumes",
            "traffic flows in both directions once the link is back",
            proves: "IMX 4.3",
            needs: [.losesItsLink],
            capabilities: [.receivesMessages, .sendsMessages],
            hint: "reconnect by yourself, with growing pauses; start the link's state afresh"
        ) { bench in
            try await bench.cut()
            try await bench.restore()
            let outcome = try await bench.outcome(of: try bench.envelope(to: bench.subject.knownUser, "hello"))
            try bench.require(outcome.code == bench.success, "\(bench.success)", seen: "\(outcome.code)")
            _ = try await bench.arrivals(of: ["back"])
        },
        Check(
            "link.truth",
            "what ended delivered was received, though the link broke in between",
            proves: "Contract outcome",
            "RFC2779 4.2.1",
            needs: [.losesItsLink],
            capabilities: [.receivesMessages],
            hint: "settle .delivered on the service's confirmation; at the loss everything unconfirmed is .uncertain"
        ) { bench in
            let tokens = try await bench.breakInTheMiddle()
            let received = Set(bench.subject.received.map(\.text))
            let untrue = tokens.filter {
                bench.outcomes(of: $0.key).first?.code == .delivered && !received.contains($0.value)
            }
            try bench.require(untrue.isEmpty, "delivered was received", seen: "\(untrue.count) were not")
        },
        Check(
            "link.once",
            "a broken link delivers nothing twice, and nothing out of order",
            proves: "Contract once",
            "Contract order",
            "RFC2779 5.4.2",
            needs: [.losesItsLink],
            capabilities: [.receivesMessages],
            hint: "what was written to a lost link is never written again; what was not keeps its place"
        ) { bench in
            _ = try await bench.breakInTheMiddle()
            try bench.requireRising(bench.subject.received.map(\.text))
        },
        Check(
            "link.not-handed-on",
            "what came while the link was down is not uncertain",
            proves: "Contract outcome",
            "RFC2779 4.2.1",
            needs: [.losesItsLink],
            capabilities: [.receivesMessages, .confirmsDelivery],
            hint: "keep what was not written, and answer withdraw(_:) for it with .withdrawn"
        ) { bench in
            try await bench.cut()
            let deadline = bench.timing.shortDeadline
            let tokens = bench.submit(
                try (0..<20).map { try bench.envelope(to: bench.subject.knownUser, "\($0)", deadline: deadline) }
            )
            await bench.quiet()
            try await bench.restore()
            try await bench.settle(tokens)
            let uncertain = tokens.count { bench.outcomes(of: $0).first?.disposition == .uncertain }
            try bench.require(uncertain == 0, "delivered, failed or expired", seen: "\(uncertain) uncertain")
        },
        Check(
            "link.expired",
            "what expired while the link was down is never delivered",
            proves: "IMX 4.1",
            "Contract outcome",
            "RFC2779 4.2.1",
            needs: [.losesItsLink],
            capabilities: [.receivesMessages],
            hint: "take a delivery out of the queue when withdraw(_:) says .withdrawn for it"
        ) { bench in
            try await bench.cut()
            let deadline = bench.timing.shortDeadline
            let tokens = bench.submit(
                try (0..<20).map { try bench.envelope(to: bench.subject.knownUser, "\($0)", deadline: deadline) }
            )
            try await bench.settle(tokens)
            let final = tokens.compactMap { bench.outcomes(of: $0).first?.code }.filter { !$0.isTemporary }
            try bench.require(final.isEmpty, "each ends with a failure that will pass", seen: "\(final)")
            try await bench.restore()
            await bench.quiet()
            for (number, token) in tokens.enumerated() {
                let disposition = bench.outcomes(of: token).first?.disposition
                guard disposition == .expired || disposition == .failed else { continue }
                try bench.require(
                    !bench.subject.received.contains { $0.text == "\(number)" },
                    "\(number) expired, so it is gone",
                    seen: "it was delivered"
                )
            }
        },
    ]
}

extension Bench {
    /// Cuts the link, and waits for the adapter's word of it.
    func cut() async throws {
        try await subject.cutLink()
        try await until("the adapter reports its link lost", seen: shownLinks) { log.links.last != .up }
    }

    /// Lets the link come back, and waits for the adapter's word of it.
    func restore() async throws {
        try await subject.restoreLink()
        try await until("the adapter reports its link up again", seen: shownLinks) { log.links.last == .up }
    }

    /// Sends numbered messages and breaks the link among them: at once after a write, and a little later and later, when
    /// the service may have taken what it had no time to confirm. Returns the text of each token.
    fileprivate func breakInTheMiddle() async throws -> [UInt64: String] {
        var texts: [UInt64: String] = [:]
        let deadline = Interval(nanoseconds: timing.patience.nanoseconds / 2)
        func write() throws {
            let numbers = texts.count..<(texts.count + 20)
            let batch = try numbers.map { try envelope(to: subject.knownUser, "\($0)", deadline: deadline) }
            for (token, number) in zip(submit(batch), numbers) { texts[token] = "\(number)" }
        }
        for delay in 0..<4 {
            for _ in 0..<4 {
                try write()
                await pass(.milliseconds(1))
            }
            await pass(.milliseconds(10))
            try write()
            await pass(.milliseconds(delay))
            try await subject.cutLink()
            try write()
            try await restore()
        }
        try write()
        try await settle(Array(texts.keys))
        await quiet()
        return texts
    }
}
