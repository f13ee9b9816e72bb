// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Configuration
import EnvelopeModel
import Testing

@testable import XMPPAdapter

/// The adapter and a server in memory, as the harness wants them.
final class XMPPSubject: Subject {
    let domains = [domain("a.example"), domain("c.example")]
    let knownUser = address("alice@a.example")
    let unknownUser = address("nobody@a.example")
    let refusingUser: (address: Address, code: OutcomeCode)? = (address("carol@a.example"), .refused)
    let pauseSlack = 1
    let limitations: [Ability: String] = [
        .staysSilent: "a server answers the ping behind a message, whatever becomes of the message"
    ]
    private let server: MemoryServer
    private let form: XMPPSettings.Form

    init(_ scheduler: any Scheduler, form: XMPPSettings.Form) {
        self.form = form
        server = MemoryServer(
            scheduler: scheduler,
            component: Bench.settings.component,
            users: [address("alice@a.example"): nil, address("carol@a.example"): ("forbidden", "auth")]
        )
    }

    var received: [ServiceMessage] { server.received }
    var bounces: [ServiceBounce] { server.bounces }

    func makeAdapter(on host: any AdapterHost) throws -> XMPPAdapter {
        var settings = Bench.settings
        settings.form = form
        return XMPPAdapter(settings: settings, host: host, dialer: server)
    }

    func send(_ message: ServiceMessage) { server.send(message) }

    /// A server lets nobody write under another of its users' addresses (RFC 6120 §8.1.2.1). For a foreign address it is
    /// the server itself that forges.
    func forge(_ message: ServiceMessage) {
        if !domains.contains(message.source.domain) { server.send(message) }
    }

    var news: [PresenceNews] { server.roster.news }

    func act(_ deed: PresenceDeed) { server.act(deed) }

    func cutLink() { server.cut() }

    func restoreLink() { server.isReachable = true }

    /// Lines end with LF, and what XML cannot hold is replaced.
    func rendering(of text: String) -> String {
        let scalars = text.replacing("\r\n", with: "\n").unicodeScalars.map { scalar in
            let value = scalar.value
            let isLegal = value >= 0x20 && value & 0xFFFE != 0xFFFE || [9, 10, 13].contains(value)
            return isLegal ? scalar : "\u{FFFD}"
        }
        return String(String.UnicodeScalarView(scalars))
    }
}

@Suite("The XMPP adapter in the harness")
struct HarnessTests {
    @Test(
        "Contract outcome, Contract ledger, Contract once, Contract order, Contract confine, Contract stop, IMX 2.3, IMX 2.11, IMX 4.2.1, IMX 5.3, IMX 6.4(5), RFC2779 4.2.1, RFC2779 5.4.2, RFC2779 5.4.3, IMX 2.5a, RFC2779 3.1.1, RFC2779 3.2.1, RFC2779 4.4.3, RFC2779 5.2.1, IMX 4.1: the XMPP adapter passes every check, in both forms of address",
        arguments: XMPPSettings.Form.allCases
    )
    func harness(_ form: XMPPSettings.Form) async {
        let report = await Harness().run { XMPPSubject($0, form: form) }
        #expect(report.passed, "\(report)")
        #expect(report.notApplicable.filter { !$0.hasPrefix("attributes.") } == ["outcomes.deadline"], "\(report)")
    }
}
