// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel
import IMXWire
import NIOCore
import Testing

@testable import IMXFront

/// Operations between ann@a.example and bob@b.example.
enum Operations {
    static func envelope(
        _ operation: Envelope.Operation,
        _ source: String,
        _ destination: String,
        body: Body = .none,
        deadline: Instant = .distantFuture,
        details: Envelope.Details? = nil
    ) throws -> Envelope {
        Envelope(
            operation: operation,
            source: try party(source),
            destination: try party(destination),
            messageID: try #require(MessageID("m")),
            trace: TraceID(high: 7, low: 7),
            deadline: deadline,
            body: body,
            details: details
        )
    }

    /// A user, or a domain itself.
    static func party(_ text: String) throws -> Address {
        if text.contains("@") { return try #require(Address(text)) }
        return .domainItself(try #require(Domain(text)))
    }

    static func subscribe(_ watcher: String, _ target: String, id: String = "s1", seconds: UInt32 = 1800) throws
        -> Envelope
    {
        let wish = Envelope.Subscribe(id: try #require(SubscriptionID(id)), seconds: seconds)
        return try envelope(.subscribe(wish), watcher, target)
    }

    static func notify(
        _ presentity: String,
        _ watcher: String,
        sequence: UInt64,
        state: SubscriptionState = .active,
        body: Body = .none
    ) throws -> Envelope {
        let notification = Envelope.Notification(
            id: try #require(SubscriptionID("s1")),
            state: state,
            sequence: sequence
        )
        return try envelope(.notify(notification), presentity, watcher, body: body)
    }
}

extension BareHost {
    /// The sequences of the notifications and the seconds of the subscriptions that came, in order.
    var presence: [String] {
        submitted.compactMap {
            switch $0.operation {
            case .subscribe(let wish): "s\(wish.seconds)"
            case .notify(let notification): "n\(notification.sequence)"
            default: nil
            }
        }
    }
}

@Suite("Presence and attributes between two fronts")
struct PresenceTests {
    private let internet = BareInternet()

    private func pair() throws -> (a: BareInternet.Place, b: BareInternet.Place) {
        let a = try internet.start(1, ["a.example"], others: ["b.example": 2])
        let b = try internet.start(2, ["b.example"], others: ["a.example": 1])
        return (a, b)
    }

    @Test("IMX 4.5.1, I.1.2: a subscription crosses, and the granted time comes back")
    func subscribes() throws {
        let (a, b) = try pair()
        b.host.answer = { _ in Outcome(.delivered, details: .init(grantedSeconds: 900)) }
        var details = Envelope.Details()
        details.sourceName = DisplayName("Ann", language: "en")
        var envelope = try Operations.subscribe("ann@a.example", "bob@b.example")
        envelope.operation = .subscribe(
            .init(id: try #require(SubscriptionID("s1")), seconds: 1800, forgets: true)
        )
        envelope.details = details
        a.host.send([envelope])
        internet.scheduler.advance(by: .seconds(2))
        let came = try #require(b.host.submitted.first)
        #expect(came.operation == envelope.operation && b.host.submitted.count == 1)
        #expect(came.source == envelope.source && came.destination == envelope.destination)
        #expect(came.trace == envelope.trace && came.hops == envelope.hops - 1 && came.details == details)
        #expect(a.host.codes == [.delivered] && a.host.outcomes.first?.outcome.details?.grantedSeconds == 900)
    }

    @Test(
        "C.1, RFC 3859, RFC2779 5.3.1: a notification carries its document octet for octet, its state and its attributes"
    )
    func notifies() throws {
        let (a, b) = try pair()
        let document = ByteBuffer(string: "Content-Type: application/pidf+xml\r\n\r\n<presence>\u{0} \r</presence>")
        var details = Envelope.Details()
        details.attributes = [Attribute("alias", value: ByteBuffer(string: "Bob"), seconds: 60)]
        var first = try Operations.notify("bob@b.example", "ann@a.example", sequence: 1, body: .entity(document))
        first.details = details
        let ended = try Operations.notify("bob@b.example", "ann@a.example", sequence: .max, state: .ended(.refused))
        b.host.send([first, ended])
        internet.scheduler.advance(by: .seconds(2))
        #expect(a.host.submitted.map(\.operation) == [first.operation, ended.operation])
        #expect(a.host.submitted.map(\.body) == [.entity(document), .none])
        #expect(a.host.submitted.map(\.details) == [details, nil])
        #expect(b.host.codes == [.delivered, .delivered])
    }

    @Test("IMX 5.1: a document that was made here goes out as a MIME entity")
    func made() throws {
        let (a, b) = try pair()
        let part = BodyPart(mediaType: "application/pidf+xml", octets: ByteBuffer(string: "<presence/>"))
        b.host.send([try Operations.notify("bob@b.example", "ann@a.example", sequence: 1, body: .parts([part]))])
        internet.scheduler.advance(by: .seconds(2))
        guard case .entity(let octets)? = a.host.submitted.first?.body else {
            Issue.record("no entity")
            return
        }
        let text = String(buffer: octets)
        #expect(text.contains("Content-Type: application/pidf+xml\r\n") && text.hasSuffix("\r\n\r\n<presence/>"))
    }

    @Test("IMX 4.4.5, IMX 4.4.6: attributes of users and of domains are asked for and answered key by key")
    func attributes() throws {
        let (a, b) = try pair()
        let attributes = [
            Attribute("alias", type: "text/plain", value: ByteBuffer(string: "Bob"), seconds: 3600),
            Attribute("shoe-size", status: .noSuchUser),
        ]
        b.host.answer = { _ in Outcome(.delivered, details: .init(attributes: attributes)) }
        let keys = ["alias", "shoe-size"]
        a.host.send([
            try Operations.envelope(.getAttributes(keys), "ann@a.example", "bob@b.example"),
            try Operations.envelope(.getAttributes([]), "ann@a.example", "b.example"),
            try Operations.envelope(.getAttributes(["subscription.seconds"]), "a.example", "b.example"),
        ])
        internet.scheduler.advance(by: .seconds(2))
        #expect(b.host.submitted.map(\.source.description) == ["ann@a.example", "ann@a.example", "a.example"])
        #expect(b.host.submitted.map(\.destination.description) == ["bob@b.example", "b.example", "b.example"])
        #expect(b.host.submitted.first?.operation == .getAttributes(keys))
        #expect(b.host.submitted.map(\.destination.isDomainItself) == [false, true, true])
        #expect(a.host.outcomes.map(\.outcome.details?.attributes) == [attributes, attributes, attributes])
    }

    @Test("IMX 4.6.1: pushed attributes cross, end at once, and leave nothing in flight")
    func pushes() throws {
        let (a, b) = try pair()
        var details = Envelope.Details()
        details.attributes = [Attribute("alias", value: ByteBuffer(string: "Ann"), seconds: 60)]
        a.host.send([
            try Operations.envelope(.pushAttributes, "ann@a.example", "b.example", details: details),
            try Operations.envelope(.pushAttributes, "a.example", "bob@b.example", details: details),
        ])
        internet.scheduler.advance(by: .seconds(2))
        #expect(b.host.submitted.map(\.operation) == [.pushAttributes, .pushAttributes])
        #expect(b.host.submitted.map(\.source.description) == ["ann@a.example", "a.example"])
        #expect(b.host.submitted.allSatisfy { $0.details == details && $0.destination.description == "b.example" })
        #expect(a.host.codes == [.delivered, .delivered])
        #expect(a.front.pairs.values.allSatisfy { $0.inFlight == 0 })
    }

    @Test("IMX 4.4.7: each kind of request gets the answer of its kind, however late and in whatever order")
    func kinds() throws {
        let (a, b) = try pair()
        b.host.answer = { _ in nil }
        let envelopes = [
            try Operations.subscribe("ann@a.example", "bob@b.example"),
            try Operations.notify("ann@a.example", "bob@b.example", sequence: 1),
            try Operations.envelope(.getAttributes([]), "ann@a.example", "bob@b.example"),
            try message("ann@a.example", "bob@b.example", id: "m1"),
            try Operations.envelope(
                .report(.init(about: try #require(MessageID("m1")), outcome: .delivered, stage: .display)),
                "ann@a.example",
                "bob@b.example"
            ),
        ]
        var tokens: [UInt64] = []
        b.host.onSubmission = { tokens.append($0.token) }
        a.host.send(envelopes)
        internet.scheduler.advance(by: .seconds(2))
        #expect(b.host.submitted.count == 5 && a.host.outcomes.isEmpty)
        #expect(b.host.submitted.last?.operation == envelopes.last?.operation)
        for (number, token) in tokens.enumerated().reversed() {
            let outcome = Outcome(OutcomeCode(rawValue: UInt16(4100 + number)))
            b.front.settled([Settlement(token: token, outcome: outcome, envelope: nil)])
        }
        internet.scheduler.advance(by: .seconds(1))
        let codes = Dictionary(
            uniqueKeysWithValues: a.host.outcomes.map { ($0.ticket.index, $0.outcome.code.rawValue) }
        )
        #expect(codes == [1: 4100, 2: 4101, 3: 4102, 4: 4103, 5: 4104])
    }

    @Test("IMX 4.4.7: subscriptions and notifications of a pair keep their order among each other")
    func order() throws {
        let (a, b) = try pair()
        internet.network.longestChunk = 300
        var envelopes: [Envelope] = []
        for number in 0..<600 as Range<UInt32> {
            envelopes.append(
                number % 3 == 0
                    ? try Operations.subscribe("ann@a.example", "bob@b.example", seconds: number)
                    : try Operations.notify("ann@a.example", "bob@b.example", sequence: UInt64(number))
            )
        }
        a.host.send(envelopes)
        internet.scheduler.advance(by: .seconds(5))
        #expect(b.host.presence == (0..<600).map { $0 % 3 == 0 ? "s\($0)" : "n\($0)" })
    }

    @Test("IMX 4.3.1, IMX A.1-6: all notifications of one turn to one peer leave in one write")
    func burst() throws {
        let (a, b) = try pair()
        b.host.send([try Operations.notify("bob@b.example", "ann@a.example", sequence: 1)])
        internet.scheduler.advance(by: .seconds(2))
        var writes = 0
        var octets = 0
        internet.network.recorder = { _, number, data in
            guard number == 2 else { return }
            writes += 1
            octets += data.readableBytes
        }
        b.host.send(
            try (0..<200).map { try Operations.notify("bob@b.example", "w\($0)@a.example", sequence: 2) }
        )
        #expect(writes == 1 && octets > 200 * 80, "\(writes) writes of \(octets) octets")
        internet.scheduler.advance(by: .seconds(2))
        #expect(a.host.submitted.count == 201 && b.host.codes.count == 201)
    }
}
