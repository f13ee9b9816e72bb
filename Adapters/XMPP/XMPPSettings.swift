// SPDX-License-Identifier: Apache-2.0
import AdapterKit
public import Configuration
public import EnvelopeModel

/// The settings of one link to an XMPP server.
public struct XMPPSettings: Sendable {
    /// How foreign people are shown to users who have not written to anybody yet.
    public enum Form: String, Sendable, CaseIterable {
        /// Under their own addresses, `bob@b.example`; the server must route foreign domains to the component.
        case native
        /// Inside the component's domain, `bob\40b.example@imx.a.example`; works with any server.
        case escaped
    }

    /// Where the server takes components.
    public var server: Endpoint
    /// The component's own domain, as the server's configuration names it.
    public var component: Domain
    /// The secret shared with the server.
    public var secret: Secret
    /// How foreign people are shown; answers keep the form in which a local user wrote last.
    public var form = Form.native
    /// The most stanzas that the server has been given and has not confirmed, 1 to 1,024.
    public var window = 1_024
    /// The first pause before connecting again; it doubles from try to try, with jitter.
    public var reconnect = Interval.milliseconds(500)
    /// The longest pause before connecting again.
    public var reconnectMost = Interval.seconds(30)
    /// How often an idle link is tried.
    public var keepAlive = Interval.seconds(15)
    /// How long the server may take to connect, to accept the component, and to answer a ping.
    public var patience = Interval.seconds(15)

    /// Makes settings with the usual times.
    public init(server: Endpoint, component: Domain, secret: Secret) {
        self.server = server
        self.component = component
        self.secret = secret
    }

    /// Reads a section that was checked against ``schema``.
    public init(_ section: Settings) throws(SettingsMisuse) {
        self.init(
            server: try section.endpoint("server"),
            component: try section.domain("component"),
            secret: try section.secret("secret")
        )
        form = Form(rawValue: try section.text("form")) ?? .native
        window = try section.integer("window")
        reconnect = try section.duration("reconnect")
        reconnectMost = max(reconnect, try section.duration("reconnect-most"))
        keepAlive = try section.duration("keep-alive")
        patience = try section.duration("patience")
    }

    /// The adapter's keys in the configuration file.
    public static let schema = SettingsSchema(
        word: XMPPAdapter.descriptor.kind,
        "An XMPP server, reached as an external component (XEP-0114)",
        keys: [
            SettingsKey(
                "server",
                .endpoint,
                .required,
                example: "127.0.0.1:5347",
                "Where the server takes components; the link is not encrypted, so keep it on one machine or in a tunnel"
            ),
            SettingsKey(
                "component",
                .domain,
                .required,
                example: "imx.a.example",
                "The component's own domain, as the server's configuration names it"
            ),
            SettingsKey(
                "secret",
                .secret,
                .required,
                example: "{ file: xmpp.secret }",
                "The secret shared with the server"
            ),
            SettingsKey(
                "form",
                .choice(Form.allCases.map(\.rawValue)),
                .defaultsTo("native"),
                "How foreign people are shown: native as bob@b.example, escaped as bob\\40b.example@imx.a.example"
            ),
            SettingsKey(
                "window",
                .integer(1...1_024),
                .defaultsTo("1024"),
                "Messages that the server has been given and has not confirmed"
            ),
            SettingsKey(
                "reconnect",
                .duration(.milliseconds(10) ... .seconds(60)),
                .defaultsTo("500ms"),
                "Before the first new try to reach the server; each further pause is longer"
            ),
            SettingsKey(
                "reconnect-most",
                .duration(.milliseconds(10) ... .seconds(3_600)),
                .defaultsTo("30s"),
                "The longest pause between tries to reach the server"
            ),
            SettingsKey(
                "keep-alive",
                .duration(.seconds(1) ... .seconds(600)),
                .defaultsTo("15s"),
                "How often an idle link is tried with a ping"
            ),
            SettingsKey(
                "patience",
                .duration(.milliseconds(100) ... .seconds(120)),
                .defaultsTo("15s"),
                "How long the server may take to accept the component and to answer a ping"
            ),
        ]
    )
}
