// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

/// The settings of one link to an XMPP server.
public struct XMPPSettings: Sendable, Hashable {
    /// How foreign people are shown to users who have not written to anybody yet.
    public enum Form: String, Sendable, CaseIterable {
        /// Under their own addresses, `bob@b.example`; the server must route foreign domains to the component.
        case native
        /// Inside the component's domain, `bob\40b.example@imx.a.example`; works with any server.
        case escaped
    }

    /// The server's host name or IP address.
    public var host: String
    /// The server's port for components.
    public var port: Int
    /// The component's own domain, as the server's configuration names it.
    public var component: Domain
    /// The secret shared with the server. It goes into no log.
    public var secret: String
    /// How foreign people are shown; answers keep the form in which a local user wrote last.
    public var form: Form
    /// The most stanzas that the server has been given and has not confirmed, 1 to 1,024.
    public var window: Int
    /// The first pause before connecting again; it doubles from try to try, with jitter.
    public var reconnectAfter: Interval
    /// The longest pause before connecting again.
    public var reconnectLimit: Interval
    /// How often an idle link is tried.
    public var keepAlive: Interval
    /// How long the server may take to connect, to accept the component, and to answer a ping.
    public var patience: Interval

    /// Makes settings with the usual times.
    public init(
        host: String,
        port: Int,
        component: Domain,
        secret: String,
        form: Form = .native,
        window: Int = 1_024,
        reconnectAfter: Interval = .milliseconds(500),
        reconnectLimit: Interval = .seconds(30),
        keepAlive: Interval = .seconds(15),
        patience: Interval = .seconds(15)
    ) {
        self.host = host
        self.port = port
        self.component = component
        self.secret = secret
        self.form = form
        self.window = window
        self.reconnectAfter = reconnectAfter
        self.reconnectLimit = reconnectLimit
        self.keepAlive = keepAlive
        self.patience = patience
    }
}
