// SPDX-License-Identifier: Apache-2.0

/// What a command asks of a running aggregator: one line of JSON over the control socket.
enum ControlRequest: Codable, Sendable, Hashable {
    /// Sends one message and waits for its outcome.
    case send(from: String, to: String, text: String, language: String?)
    /// What there is to see now.
    case status
    /// The last outcomes other than "delivered", of all envelopes or of one.
    case outcomes(last: Int, trace: String?)
    /// Reads the configuration again.
    case reload
    /// What foreign domains have shown of themselves.
    case trust
    /// Forgets what one of them has shown.
    case forgetTrust(domain: String)
    /// Takes the node out of service, and sends its peers to another host where one is named.
    case drain(to: String?, seconds: UInt32)
    /// Which rule decides a case.
    case rules(RuleQuestion)
    /// Who watches whom: all, a user's or a domain's.
    case subscriptions(of: String?, limit: Int)
    /// What a user or a domain says of itself to somebody here.
    case attributes(subject: String, keys: [String], requester: String?)
}

/// What the aggregator answers: one line of JSON for each request, in the order of the requests.
enum ControlResponse: Codable, Sendable, Hashable {
    /// What became of a message.
    case sent(SendReport)
    /// What there is to see.
    case status(StatusReport)
    /// Outcomes, the last first.
    case outcomes([OutcomeReport])
    /// What reading the configuration again has changed.
    case reloaded(ReloadReport)
    /// What foreign domains have shown, by domain.
    case trust([TrustReport])
    /// The node is empty; this many connections were closed.
    case drained(connections: Int)
    /// Which rule decides.
    case rules(RuleReport)
    /// Who watches whom.
    case subscriptions(SubscriptionsReport)
    /// What was said for each key.
    case attributes(AttributesReport)
    /// The request could not be carried out; nothing was sent.
    case refused(String)
}

/// What became of a message that a command sent.
struct SendReport: Codable, Sendable, Hashable {
    /// One step of its way.
    struct Step: Codable, Sendable, Hashable {
        /// Milliseconds since it was taken.
        var milliseconds: Double
        /// The adapter instance or room.
        var place: String
        /// What happened.
        var text: String
    }

    /// The identifier under which every log line about it can be found, at both aggregators.
    var trace: String
    /// The outcome's code.
    var code: UInt16
    /// The outcome's text, if any.
    var text: String?
    /// Seconds after which another try makes sense.
    var retryAfter: UInt32?
    /// Milliseconds from taking it to its outcome.
    var milliseconds: Double
    /// Its way.
    var path: [Step]
    /// What translations could not carry.
    var losses: [String] = []
}

/// One outcome other than "delivered".
struct OutcomeReport: Codable, Sendable, Hashable {
    /// When, as RFC 3339 has it.
    var time: String
    /// The envelope's trace identifier.
    var trace: String
    /// The sender's domain.
    var from: String
    /// The recipient's domain.
    var to: String
    /// The code.
    var code: UInt16
    /// The text, if any.
    var text: String?
}

/// What reading the configuration again came to.
struct ReloadReport: Codable, Sendable, Hashable {
    /// What is wrong; where anything is, nothing has changed.
    var problems: [String] = []
    /// Certificate files that cannot be used; what was in use before stays in use.
    var certificateProblems: [String] = []
    /// What is different now.
    var changes: [String] = []
    /// The keys whose change waits for the next start.
    var waiting: [String] = []
}

/// What one foreign domain has shown of itself.
struct TrustReport: Codable, Sendable, Hashable {
    /// The domain.
    var domain: String
    /// `tls` or `certificate`; less is not taken from it any more.
    var level: String
    /// Since when, as RFC 3339 has it.
    var since: String
    /// When it was last seen so, to the day.
    var seen: String
}
