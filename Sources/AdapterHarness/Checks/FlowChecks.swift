// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel

/// Order, and at most once.
extension Check {
    static let order: [Check] = [
        Check(
            "order.in",
            "each sender's messages reach a user in their order",
            proves: "Contract order",
            capabilities: [.receivesMessages],
            hint:
                "hand deliveries over in the order of the batch; a message that waits makes its pair's later ones wait"
        ) { bench in
            let senders = ["eve", "mallory"]
            let user = bench.subject.knownUser
            for burst in 0..<10 {
                bench.submit(
                    try (0..<60).map { number in
                        try bench.envelope(from: senders[number % 2], to: user, "\(burst * 60 + number)")
                    }
                )
            }
            let messages = try await bench.received(600)
            for sender in senders {
                let address = try bench.foreign(sender)
                try bench.requireRising(messages.filter { $0.source == address }.map(\.text))
            }
        },
        Check(
            "order.out",
            "each user's messages leave in their order",
            proves: "Contract order",
            capabilities: [.sendsMessages],
            hint: "submit what one read burst brought in the order in which it was read"
        ) { bench in
            try bench.requireRising(try await bench.arrivals(of: (0..<300).map(String.init)).map { $0.plainText ?? "" })
        },
    ]

    static let repeats: [Check] = [
        Check(
            "repeats.once",
            "a message that comes ten times is handed to the service once",
            proves: "Contract once",
            "RFC2779 5.4.2",
            capabilities: [.receivesMessages],
            hint: "hand each delivery to the service once, whatever becomes of it"
        ) { bench in
            let envelope = try bench.envelope(to: bench.subject.knownUser, "hello", id: "the-same")
            for _ in 0..<10 { bench.submit([envelope]) }
            _ = try await bench.received(1)
            await bench.quiet()
            let count = bench.subject.received.count
            try bench.require(count == 1, "one message", seen: "\(count)")
        },
        Check(
            "repeats.distinct",
            "two messages with one native identifier are two messages",
            proves: "Contract once",
            "RFC2779 5.4.2",
            needs: [.repeatsIdentifiers],
            capabilities: [.sendsMessages],
            hint: "a native identifier is rarely unique for ever: use host.makeMessageID(native:)"
        ) { bench in
            let (user, eve) = (bench.subject.knownUser, try bench.foreign())
            for text in ["first", "second"] {
                try await bench.subject.send(ServiceMessage(from: user, to: eve, text, nativeID: "1"))
            }
            let texts = try await bench.arrived(2).map { $0.plainText ?? "" }
            try bench.require(texts == ["first", "second"], "both", seen: "\(texts)")
        },
    ]
}

extension Bench {
    /// Fails unless the texts are numbers that rise.
    func requireRising(_ texts: [String]) throws {
        let numbers = texts.compactMap(Int.init)
        try require(numbers.count == texts.count, "the texts that were sent", seen: "\(texts.prefix(5))")
        for (earlier, later) in zip(numbers, numbers.dropFirst()) where later <= earlier {
            throw CheckFailure(expected: "\(earlier) before anything older", seen: "\(earlier), then \(later)")
        }
    }
}
