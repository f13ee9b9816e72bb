// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import Configuration
import EnvelopeModel
import Logging
import NIOCore
import Store
import StubAdapter
import Testing

@Suite("The stub")
struct StubTests {
    @Test(
        "Contract outcome, Contract ledger, Contract once, Contract order, Contract confine, IMX 2.3, IMX 2.11, IMX 5.3, IMX 6.4(5), IMX 2.5a, IMX 2.5d, RFC2779 2.3.1, RFC2779 3.1.1, RFC2779 3.2.1, RFC2779 5.2.1: the stub passes every check that it can be put to"
    )
    func harness() async {
        let report = await Harness().run { _ in try StubSubject() }
        #expect(report.passed, "\(report)")
        let rest = report.notApplicable.filter { !$0.hasPrefix("link.") }
        #expect(rest == ["repeats.distinct", "presence.devices"], "\(report)")
    }

    @Test("IMX 2.5c, RFC2779 2.1.4: users answer, refuse, wait and keep silent as their settings say")
    func behaviour() throws {
        let text = """
            users:
              alice: { reply: "you said {text}" }
              bob: { delay: 2s }
              carol: { outcome: 5004 }
              dave: { outcome: silent }
            """
        let world = try StubWorld(StubSettings(Settings.parse(text, keys: StubSettings.schema.keys)))
        for name in ["alice", "bob", "carol", "dave", "erin"] { world.write(to: name, "hello") }
        #expect(world.codes == ["alice": 2000, "carol": 5004, "erin": 5003])
        world.scheduler.advance(by: .seconds(3))
        #expect(world.codes["bob"] == 2000 && world.codes["dave"] == nil)
        world.scheduler.advance(by: .seconds(30))
        #expect(world.codes["dave"] == 2001)
        let answers = world.network.deliveries.map(\.envelope)
        #expect(answers.map(\.source.description) == ["alice@stub.example"])
        #expect(answers.map(\.body) == [.parts([.text("you said hello")])])
        #expect(answers.first?.details?.messageType == "headline")
    }

    @Test("IMX 2.5c: an automatic answer is not answered")
    func noLoop() throws {
        let world = try StubWorld(StubSettings(users: ["alice": StubUser(reply: "yes")]))
        var details = Envelope.Details()
        details.messageType = "headline"
        world.write(to: "alice", "hello", details: details)
        #expect(world.codes["alice"] == 2000 && world.network.deliveries.isEmpty)
    }

    @Test("Contract outcome: what a slow user has not been given when its time is up expires, and is never given")
    func withdrawn() throws {
        let world = try StubWorld(StubSettings(users: ["bob": StubUser(delay: .seconds(60))]))
        var taken = 0
        world.stub.onMessage = { _ in taken += 1 }
        world.write(to: "bob", "hello")
        world.scheduler.advance(by: .seconds(90))
        #expect(world.codes["bob"] == 4002 && taken == 0)
    }

    @Test("IMX 2.5d, IMX 4.4.5, RFC2779 3.1.6: every key that means the same everywhere has its value, a vCard too")
    func attributes() throws {
        let text = "users: { ann: { alias: 'Ann; A, \\ Example' }, bob: { away: true } }"
        let world = try StubWorld(StubSettings(Settings.parse(text, keys: StubSettings.schema.keys)))
        let (ann, bob) = (try #require(Address("ann@stub.example")), try #require(Address("bob@stub.example")))
        let keys = [
            "alias", "presence", "ua.capabilities", "message.max-octets", "message.types", "vcard", "x.example/y",
        ]
        let found = world.attributes(of: ann, keys)
        #expect(found.map(\.key) == keys)
        #expect(found.map(\.status) == [nil, nil, nil, nil, nil, nil, .noSuchUser])
        #expect(found.prefix(2).map(\.text) == ["Ann; A, \\ Example", "open"])
        #expect(found[2].text?.split(separator: " ").contains("chat-states") == true && found[4].text == "*/*")
        #expect(found[5].type == "text/vcard")
        #expect(found[5].text?.contains("\r\nFN:Ann\\; A\\, \\\\ Example\r\n") == true)
        #expect(Set(world.attributes(of: ann, []).map(\.key)) == Set(keys.dropLast()))
        #expect(world.attributes(of: bob, keys).map(\.status?.rawValue) == [5003, nil, 4001, nil, nil, nil, 5003])
        #expect(
            world.attributes(of: try #require(Address("zoe@stub.example")), keys).allSatisfy {
                $0.status == .noSuchUser
            }
        )
    }

    @Test("RFC2779 5.1.15: nothing but presence and what is in use depends on whether a user is there")
    func thereOrAway() throws {
        let world = try StubWorld(StubSettings(users: ["ann": StubUser()]))
        let ann = try #require(Address("ann@stub.example"))
        let keys = [
            "alias", "presence", "ua.capabilities", "message.max-octets", "message.types", "vcard", "x.example/y",
        ]
        let there = world.attributes(of: ann, keys)
        world.stub.set(status: nil, of: ann)
        let away = world.attributes(of: ann, keys)
        #expect(zip(there, away).filter { $0 != $1 }.map(\.0.key) == ["presence", "ua.capabilities"])
        #expect(away[1] == Attribute("presence", value: ByteBuffer(string: "closed")))
        #expect(away[2] == Attribute("ua.capabilities", status: .unavailable))
        #expect(!world.attributes(of: ann, []).contains { $0.key == "ua.capabilities" })
    }

    @Test(
        "IMX 4.2.1: settings without users, or with a name that is no local part, are refused",
        arguments: ["", "users:\n  \"a@b\": {}"]
    )
    func refusesSettings(_ text: String) {
        #expect(throws: ConfigurationError.self) {
            try StubSettings(Settings.parse(text, keys: StubSettings.schema.keys))
        }
    }
}

/// A stub and the network around a core.
private final class StubWorld {
    let scheduler = VirtualScheduler()
    let core: AggregatorCore
    let stub: StubAdapter
    let network: RecordingAdapter
    private let domain: Domain
    private var names: [String] = []

    init(_ settings: StubSettings) throws {
        domain = try #require(Domain("stub.example"))
        var directory = DomainDirectory()
        directory[domain] = .init(domainClass: DomainClass(), adapter: "stub")
        core = AggregatorCore(
            settings: CoreSettings(name: "test", serverID: ServerID(high: 1, low: 2)),
            directory: directory,
            scheduler: scheduler,
            repeatWindow: try RepeatWindow(path: nil, capacity: 1024, now: scheduler.now),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        stub = core.attach(named: "stub") { StubAdapter(host: $0, settings: settings) }
        network = core.attach(named: "imx", authority: .network) { RecordingAdapter(host: $0) }
        core.start()
    }

    /// What the stub answers about a user.
    func attributes(of user: Address, _ keys: [String]) -> [Attribute] {
        var found: [Attribute] = []
        guard let eve = Address("eve@far.example") else { return [] }
        stub.attributes(of: user, for: eve, keys: keys, by: scheduler.now) { found = $0 }
        return found
    }

    func write(to name: String, _ text: String, details: Envelope.Details? = nil) {
        guard let eve = Address("eve@far.example"), let user = Address("\(name)@\(domain)") else { return }
        names.append(name)
        network.send(
            Envelope(
                source: eve,
                destination: user,
                messageID: network.host.makeMessageID(native: nil),
                trace: network.host.makeTraceID(),
                body: .parts([.text(text)]),
                details: details
            ),
            token: UInt64(names.count - 1)
        )
    }

    /// The outcome of the message to each name.
    var codes: [String: UInt16] {
        var codes: [String: UInt16] = [:]
        for settlement in network.settlements { codes[names[Int(settlement.token)]] = settlement.outcome.code.rawValue }
        return codes
    }
}
