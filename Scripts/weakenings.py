# SPDX-License-Identifier: Apache-2.0
"""The defences that Scripts/weaken takes away, in the order of the tables in Documentation/Security.md as far as that goes."""

ACCEPTOR = "IMXWire/Dialback/DialbackAcceptor.swift"
CLAIMANT = "IMXWire/Dialback/DialbackClaimant.swift"
MAC = "IMXWire/Dialback/DialbackMAC.swift"
QUOTAS = "IMXWire/Dialback/DialbackQuotas.swift"
HANDLING = "IMXWire/Connection/ConnectionMachine+Handling.swift"
RECEIVING = "IMXWire/Connection/ConnectionMachine+Receiving.swift"
TOKEN = "IMXWire/Dialback/ClaimToken.swift"
OPENING = "IMXWire/Connection/OpeningGauge.swift"
TIMERS = "IMXWire/Connection/ConnectionMachine+Timers.swift"
ADDRESSES = "Discovery/AddressPolicy.swift"
PIPELINE = "Aggregator/AggregatorCore+Pipeline.swift"
ADMISSION = "IMXFront/ConnectionAdmission.swift"
BURDEN = "IMXFront/ConnectionBurden.swift"
CLOCK = "IMXFront/IMXFront+Clock.swift"
DIALBACK = "IMXFront/IMXFront+Dialback.swift"
FRONT = "IMXFront/FrontConnection.swift"
POLICY = "IMXFront/IMXFront+TrustPolicy.swift"
REVIEW = "IMXFront/IMXFront+TrustReview.swift"
REDIRECT = "IMXFront/IMXFront+Redirect.swift"
CERTIFICATE = "TransportSecurity/PresentedCertificate.swift"
GATE = "TransportSecurity/HandshakeGate.swift"
PATH = "TransportSecurity/PathValidation.swift"
SERVICE = "TransportSecurity/TLSService.swift"


class Weakening:
    """A defence: the attacks that it keeps out, what its absence is in words, the edits, and the tests that must fail.

    The edits are a file under Sources, what stands there (an asterisk in front: all the places like this one), and what is
    to stand there instead. Where a test reads the source (`is_read`), the edit need not compile.
    """

    def __init__(self, name, ids, what, edits, tests, is_read=False):
        self.name, self.ids, self.what, self.edits, self.tests = name, ids, what, edits, tests
        self.is_read = is_read


WEAKENINGS = [
    Weakening(
        "unasked-proof", "S01, G.3-1", "a PROOF that answers no claim is believed",
        [(ACCEPTOR, "            strayProofs += 1\n            return .ignore",
          "            strayProofs += 1\n            if isWeak(\"unasked-proof\") {\n"
          "                return .trust(connection, pair.detached(), until: now + limits.trustLife, tag: 0,\n"
          "                    AnswerRecord(.delivered))\n            }\n            return .ignore")],
        "AttackTrustTests/unsolicited"),
    Weakening(
        "answer-is-proof", "S01, G.3-1", "the answer 2000 to VERIFY is taken for the proof",
        [(ACCEPTOR, "        case .delivered: return .ignore  // The proof is what counts.",
          "        case .delivered where isWeak(\"answer-is-proof\"):\n"
          "            guard let found = remove(id.connection, id.pair) else { return .ignore }\n"
          "            return .trust(id.connection, id.pair, until: now + limits.trustLife, tag: found.tag, AnswerRecord(.delivered))\n"
          "        case .delivered: return .ignore")],
        "AttackTrustTests/verifiedWithoutProof"),
    Weakening(
        "no-confirmation", "G.3-2", "our own claim is taken for granted without the confirmation",
        [(CLAIMANT, "shown == binding(", "isWeak(\"no-confirmation\") || shown == binding("),
         (CLAIMANT, "return isCertified ?", "return isCertified || isWeak(\"no-confirmation\") ?")],
        "AttackTrustTests/falseConfirmation"),
    Weakening(
        "inherited", "G.3-4", "a proved pair counts on every connection",
        [(DIALBACK, "        connection.trust(source, target, until: until, level: level)",
          "        for other in connections.values where isWeak(\"inherited\") { other.trust(source, target, until: until, level: level) }\n"
          "        connection.trust(source, target, until: until, level: level)")],
        "AttackTrustTests/twoClaims"),
    Weakening(
        "target-unchecked", "S02, G.3-8, G.6", "the claimant does not look for whom its token was made",
        [(CLAIMANT, "let maker = tokens.maker(of: verify.token, for: asked, now: now)\n        let key = byToken[verify.token]",
          "let key = byToken[verify.token]\n"
          "        let maker = tokens.maker(of: verify.token, for: isWeak(\"target-unchecked\") ? key?.pair ?? asked : asked, now: now)"),
         (CLAIMANT, "guard let key, key.pair == asked,", "guard let key, isWeak(\"target-unchecked\") || key.pair == asked,")],
        "AttackRelayTests/transplant"),
    Weakening(
        "verified-twice", "G.6", "a token is proved as often as somebody asks",
        [(CLAIMANT, "            case .claimed = claim.state, now < claim.expiry\n", "            isWeak(\"verified-twice\") || claim.isUnspent, now < claim.expiry\n"),
         (CLAIMANT, "        byToken[claim.token] = nil\n        let proof", "        if !isWeak(\"verified-twice\") { byToken[claim.token] = nil }\n        let proof"),
         (CLAIMANT, "        var state = State.claimed\n",
          "        var state = State.claimed\n        var isUnspent: Bool { if case .claimed = state { true } else { false } }\n")],
        "AttackRelayTests/onceAndWhileOpen"),
    Weakening(
        "connection-unbound", "S02, G.6", "the proof covers no connection",
        [(MAC, "        input.append(contentsOf: connection.buffer.readableBytesView)",
          "        if !isWeak(\"connection-unbound\") { input.append(contentsOf: connection.buffer.readableBytesView) }")],
        "AttackRelayTests/(misplaced|careless)|AttackTrustTests/verifiedWithoutProof"),
    Weakening(
        "pair-unbound", "G.6", "a proof for one pair ends the claim of another",
        [(ACCEPTOR, "guard let shown = Octets32(proof.proof), shown == binding.proof(found.secret) else {",
          "guard let shown = Octets32(proof.proof), isWeak(\"pair-unbound\") || shown == binding.proof(found.secret) else {")],
        "AttackRelayTests/misplaced"),
    Weakening(
        "no-freshness", "S05, G.3-7", "the secret and the connection's identifier are always the same",
        [(ACCEPTOR, "secret: Octets32(using: &generator),", "secret: isWeak(\"no-freshness\") ? Octets32([]) : Octets32(using: &generator),"),
         (MAC, "        var input = labelled(\"IMX-db/1 conn\")\n",
          "        if isWeak(\"no-freshness\") { value = Octets32([]); return }\n        var input = labelled(\"IMX-db/1 conn\")\n")],
        "AttackReplayTests/replay"),
    Weakening(
        "no-lengths", "S04, G.3-5", "the fields of a MAC have no length in front",
        [(MAC, "        for shift in [24, 16, 8, 0] as [UInt32] {", "        for shift in isWeak(\"no-lengths\") ? [] : [24, 16, 8, 0] as [UInt32] {")],
        "IMXWireTests.AttackTests/splicing"),
    Weakening(
        "counted-tokens", "S03, G.3-6, G.3-7", "tokens are counted, not drawn",
        [("IMXWire/Dialback/ClaimToken.swift", "            generator.next() as UInt64,\n            generator.next() as UInt64,",
          "            isWeak(\"counted-tokens\") ? (generator.next() as UInt64) & 0xFFFF : generator.next() as UInt64,\n"
          "            generator.next() as UInt64,")],
        "IMXWireTests.AttackTests/manyTokens"),
    Weakening(
        "own-domains", "S09, G.3-12", "claims of hosted domains are looked into",
        [(ACCEPTOR, "guard !facts.sourceIsHosted, facts.policyAllows", "guard !facts.sourceIsHosted || isWeak(\"own-domains\"), facts.policyAllows")],
        "AttackNameTests/hosted"),
    Weakening(
        "whole-connection", "S10, G.3-12", "one proved pair makes the connection trusted for all",
        [("IMXFront/FrontConnection.swift", "guard let pair = trusted[DomainPair(source: source, target: target)],",
          "guard let pair = trusted[DomainPair(source: source, target: target)] ?? (isWeak(\"whole-connection\") ? trusted.values.first : nil),")],
        "AttackNameTests/matrix"),
    Weakening(
        "second-hello", "S11", "a second HELLO is passed over",
        [(HANDLING, "        case .hello: throw .fatal(.malformed, \"second HELLO\")  // IMX-1 §4.2",
          "        case .hello:\n            if isWeak(\"second-hello\") { return nil }\n            throw .fatal(.malformed, \"second HELLO\")")],
        "AttackNameTests/switching"),
    Weakening(
        "data-before-proof", "G.3-13", "data is taken while its pair is still being verified",
        [("IMXFront/IMXFront+Events.swift", "guard let pair = connection.trustedPair(record.from.domain, record.to.domain, now: now) else {\n            return deny(record.from.domain, record.to.domain, .message, tag, on: connection)",
          "let unproved = Domain(canonical: record.from.domain).flatMap { from in\n"
          "            Domain(canonical: record.to.domain).map {\n"
          "                FrontConnection.TrustedPair(source: from, target: $0, until: now + .seconds(9), level: required(hosted: $0, peer: from))\n            }\n        }\n"
          "        guard let pair = connection.trustedPair(record.from.domain, record.to.domain, now: now)\n"
          "            ?? (isWeak(\"data-before-proof\") ? unproved : nil)\n"
          "        else {\n            return deny(record.from.domain, record.to.domain, .message, tag, on: connection)")],
        "AttackTrustTests/race"),
    Weakening(
        "bad-pair-closes", "G.3-14", "failed claims close a connection whatever it has proved",
        [(ACCEPTOR, "hasProved = true\n        quotas.remember(pair.source, now: now)\n        memory", "hasProved = !isWeak(\"bad-pair-closes\")\n        quotas.remember(pair.source, now: now)\n        memory")],
        "AttackTrustTests/badPairs"),
    Weakening(
        "no-dial-budget", "S07, G.3-16, G.3-18", "dials have no budget",
        [("IMXWire/Dialback/NetworkBudget.swift", "        forgetQuiet(now: now)\n        guard", "        if isWeak(\"no-dial-budget\") { return true }\n        forgetQuiet(now: now)\n        guard"),
         (QUOTAS, "        onConnection < limits.pendingPerConnection", "        isWeak(\"no-dial-budget\") || onConnection < limits.pendingPerConnection"),
         (ACCEPTOR, "*claims.mayCause(octets, octetsIn: octetsIn)", "(isWeak(\"no-dial-budget\") || claims.mayCause(octets, octetsIn: octetsIn))")],
        "AttackDialTests/tenThousandClaims"),
    Weakening(
        "early-hello", "G.3-16", "HELLO goes out before the preface has come",
        [(RECEIVING, "                case .preface:\n", "                case .preface:\n                    if isWeak(\"early-hello\"), role == .dialler, localHelloOctets.readableBytes == 0 { sendHello() }\n"),
         (RECEIVING, "        if role == .dialler { sendHello() }", "        if role == .dialler, localHelloOctets.readableBytes == 0 { sendHello() }")],
        "AttackDialTests/eightOctets"),
    Weakening(
        "endless-claims", "S08, G.3-17", "one source may have any number of claims under way",
        [(QUOTAS, "            && sources[source, default: 0] < limits.pendingPerSource", "            && (isWeak(\"endless-claims\") || sources[source, default: 0] < limits.pendingPerSource)")],
        "AttackDialTests/recursion"),
    Weakening(
        "subscriptions-of-one", "S38", "the users of one foreign domain may have any number of subscriptions",
        [("Presence/PresenceDesk+Rows.swift", "guard rowsOfDomain[domain, default: 0] < settings.maximumPerDomain else",
          "guard isWeak(\"subscriptions-of-one\") || rowsOfDomain[domain, default: 0] < settings.maximumPerDomain else")],
        "PresenceTests.BoundsTests/perDomain"),
    Weakening(
        "subscriptions-of-tenant", "S38", "the users of one domain here may have any number of subscriptions",
        [("Presence/PresenceDesk+Rows.swift", "        rowsOfHosted[hosted, default: 0] >= settings.maximumPerHosted",
          "        !isWeak(\"subscriptions-of-tenant\") && rowsOfHosted[hosted, default: 0] >= settings.maximumPerHosted")],
        "PresenceTests.BoundsTests/perTenant"),
    Weakening(
        "fetches-of-one", "S38", "the users of one foreign domain may look as often as they like",
        [("Presence/PresenceDesk+Fetches.swift", "fetchesOfDomain[watcher.domain, default: 0] < 5_000 else",
          "isWeak(\"fetches-of-one\") || fetchesOfDomain[watcher.domain, default: 0] < 5_000 else")],
        "PresenceTests.BoundsTests/fetches"),
    Weakening(
        "lease-for-ever", "S38", "what nobody renews is kept",
        [("Presence/PresenceDesk+Life.swift", "        if watched[row].expires <= now {",
          "        if watched[row].expires <= now, !isWeak(\"lease-for-ever\") {")],
        "PresenceTests.BoundsTests/perDomain"),
    Weakening(
        "each-change-told", "S39", "a watcher that takes its time is told each change",
        [("Presence/PresenceDesk+Watched.swift", "        guard !watched[row].flags.contains(.inFlight) else {\n            watched[row].flags.insert(.dirty)",
          "        guard isWeak(\"each-change-told\") || !watched[row].flags.contains(.inFlight) else {\n            watched[row].flags.insert(.dirty)")],
        "PresenceTests.BoundsTests/amplification"),
    Weakening(
        "fields-twice", "S40", "the second of two single fields counts",
        [("IMXWire/Codec/FieldReader.swift", "*guard value == nil else", "guard value == nil || isWeak(\"fields-twice\") else")],
        "AttackWireTests/boundaries"),
    Weakening(
        "raw-log", "S43", "the log writes text as it came",
        [("Telemetry/LineLogHandler.swift", "        for scalar in text.unicodeScalars {\n", "        if isWeak(\"raw-log\") { return octets += text.utf8 }\n        for scalar in text.unicodeScalars {\n")],
        "AttackOracleTests/hostileText"),
    Weakening(
        "telling-refusals", "S44", "a refused VERIFY says why",
        [(CLAIMANT, "guard let maker, sourceIsServed, let secret = Octets32(verify.secret) else { return .refuse(Self.refusal) }",
          "if !sourceIsServed, isWeak(\"telling-refusals\") { return .refuse(AnswerRecord(.notVerified, text: \"not served here\")) }\n"
          "        guard let maker, sourceIsServed, let secret = Octets32(verify.secret) else { return .refuse(Self.refusal) }")],
        "AttackOracleTests/sameAnswers"),
    Weakening(
        "unequal-lanes", "G.3-16, G.3-18", "one budget of VERIFY for all strangers, and a small one",
        [("IMXWire/Dialback/NetworkBudget.swift", "        forgetQuiet(now: now)\n", "        if isWeak(\"unequal-lanes\") { return inAll.take(now: now, keeping: 0.999) }\n        forgetQuiet(now: now)\n")],
        "AttackFloodTests/strangersInNumbers"),
    Weakening(
        "wrong-direction", "S01, G.3-3", "dial-back records are taken by whoever dialled, too",
        [(HANDLING, "guard role == .acceptor else { throw", "guard role == .acceptor || isWeak(\"wrong-direction\") else { throw")],
        "IMXWireTests.ConnectionTests/direction"),
    Weakening(
        "expired-token", "S05, G.3-7", "a token has no end",
        [(TOKEN, "maker != node || expiry > seconds(now)", "maker != node || expiry > seconds(now) || isWeak(\"expired-token\")")],
        "IMXWireTests.RelayTests/tokens"),
    Weakening(
        "late-proof", "S05, G.3-1", "a proof that comes after the claim's time is believed",
        [(ACCEPTOR, "guard let found = connections[connection]?.pending[pair], now < found.expiry else {",
          "guard let found = connections[connection]?.pending[pair], now < found.expiry || isWeak(\"late-proof\") else {")],
        "IMXWireTests.AcceptorTests/strayProofs"),
    Weakening(
        "special-addresses", "S06, G.3-16, S50", "addresses of our own network are as good as any",
        [(ADDRESSES, "if let special = SpecialRanges.name(of: judged) {",
          "if !isWeak(\"special-addresses\"), let special = SpecialRanges.name(of: judged) {")],
        "AddressPolicyTests/special"),
    Weakening(
        "embedded-addresses", "S06", "an IPv6 address is not asked which IPv4 address it stands for",
        [(ADDRESSES, "let judged = numeric.embedded ?? numeric", "let judged = isWeak(\"embedded-addresses\") ? numeric : numeric.embedded ?? numeric")],
        "AddressPolicyTests/special"),
    Weakening(
        "own-listener", "S06", "our own listener is dialled like any other place",
        [(ADDRESSES, "if listeners.contains(where: {", "if !isWeak(\"own-listener\"), listeners.contains(where: {")],
        "AddressPolicyTests/ownListener"),
    Weakening(
        "unasked-dial", "S06, S50, G.3-16", "the address that is dialled is not looked at",
        [("IMXFront/IMXFront+Connecting.swift", "if !attempt.isConfigured,\n", "if !isWeak(\"unasked-dial\"), !attempt.isConfigured,\n")],
        "AttackDNSTests/specialAddresses"),
    Weakening(
        "more-out-than-in", "S07, G.3-16", "a stranger's claims may send others any number of octets",
        [("IMXWire/Dialback/DialbackAcceptor+Types.swift", "hasProved || octetsCaused + octets <=", "isWeak(\"more-out-than-in\") || hasProved || octetsCaused + octets <=")],
        "IMXWireTests.BudgetTests/amplification"),
    Weakening(
        "no-room-for-callers", "S08, G.3-17", "whoever we call has no room kept for calling back",
        [(ADMISSION, "let isKnown = called[source.host] != nil ||", "let isKnown = (called[source.host] != nil && !isWeak(\"no-room-for-callers\")) ||")],
        "AdmissionTests/reserve|IMXFrontTests.SettleTests/table"),
    Weakening(
        "strict-verify", "S08, G.3-17", "a VERIFY is answered only to whoever is authenticated",
        [("IMXFront/IMXFront+Claims.swift", "    func take(_ record: VerifyRecord, tag: UInt32, on connection: FrontConnection) {\n",
          "    func take(_ record: VerifyRecord, tag: UInt32, on connection: FrontConnection) {\n"
          "        if isWeak(\"strict-verify\"), !connection.machine.isAuthenticated {\n"
          "            return connection.machine.answer(DialbackClaimant.refusal, to: .verify, tag: tag, now: now)\n        }\n")],
        "IMXFrontTests.SettleTests/table"),
    Weakening(
        "hosted-from-outside", "S09, G.3-12", "the network may speak for a domain that lives here",
        [(PIPELINE, "if row == nil { return nil }  // IMX 6.2.2", "if row == nil || isWeak(\"hosted-from-outside\") { return nil }  // IMX 6.2.2")],
        "PipelineTests/impersonation"),
    Weakening(
        "blocked-stays", "S12, G.3-20", "whoever is trusted stays so when its domain is blocked or gone",
        [(REVIEW, "!policy.isBlocked(pair.source) && isHosted(pair.target)",
          "(isWeak(\"blocked-stays\") || !policy.isBlocked(pair.source) && isHosted(pair.target))")],
        "IMXFrontTests.TrustLifeTests/blocked"),
    Weakening(
        "pending-stays", "S12, G.3-20", "a claim under way goes on when its source is blocked",
        [(ACCEPTOR, "guard !mayStay, let found", "guard !mayStay, !isWeak(\"pending-stays\"), let found")],
        "IMXWireTests.BudgetTests/policy"),
    Weakening(
        "trust-for-ever", "S12, G.3-20", "trust has no end",
        [(FRONT, "if let recent = recentPair, recent.until > now,", "if let recent = recentPair, recent.until > now || isWeak(\"trust-for-ever\"),"),
         (FRONT, "pair.until > now else { return nil }", "pair.until > now || isWeak(\"trust-for-ever\") else { return nil }")],
        "TrustLifeTests/runsOut"),
    Weakening(
        "any-answer", "S13", "an answer to one kind of request counts for another",
        [("IMXWire/Connection/RequestWindow.swift", "type == nil || entry.type == type", "type == nil || entry.type == type || isWeak(\"any-answer\")")],
        "IMXWireTests.ConnectionTests/stray"),
    Weakening(
        "unasked-notify", "S14", "a notification of a pair that nobody has proved is taken",
        [("IMXFront/IMXFront+Presence.swift", "return deny(from, to, type, tag, on: connection)",
          "if isWeak(\"unasked-notify\") {\n"
          "                return connection.machine.answer(AnswerRecord(.delivered), to: type, tag: tag, now: now)\n"
          "            }\n            return deny(from, to, type, tag, on: connection)")],
        "AttackNameTests/notification"),
    Weakening(
        "redirect-by-strangers", "S15", "whoever we dialled may send a domain elsewhere, trusted or not",
        [(REDIRECT, "line.pairs.contains(where: { $0.peer === peer && $0.claim == .confirmed })",
          "isWeak(\"redirect-by-strangers\") || line.pairs.contains(where: { $0.peer === peer && $0.claim == .confirmed })")],
        "RedirectTests/unauthenticated"),
    Weakening(
        "redirect-often", "S15", "a domain may be sent on at any moment",
        [(REDIRECT, "if let last = peer.lastRedirection,", "if !isWeak(\"redirect-often\"), let last = peer.lastRedirection,")],
        "RedirectTests/bounds"),
    Weakening(
        "redirect-chain", "S15", "a domain may be sent on any number of times in a row",
        [(REDIRECT, "private static var longestChain: Int { 3 }", "private static var longestChain: Int { isWeak(\"redirect-chain\") ? 99 : 3 }")],
        "RedirectTests/chain"),
    Weakening(
        "redirect-loop", "S15", "a domain may be sent back to where it came from",
        [(REDIRECT, "            !chain.contains { $0.host", "            isWeak(\"redirect-loop\") || !chain.contains { $0.host")],
        "RedirectTests/bounds"),
    Weakening(
        "redirect-outside", "S15", "a host that the records do not name needs no certificate",
        [(REDIRECT, "level: .certificate, isConfigured: false", "level: isWeak(\"redirect-outside\") ? .dialback : .certificate, isConfigured: false")],
        "RedirectTests/bounds"),
    Weakening(
        "redirect-inside", "S15, G.3-16", "a domain may be sent into our own network",
        [(REDIRECT, "onward.filter { isConfigured ||", "onward.filter { isConfigured || isWeak(\"redirect-inside\") ||")],
        "RedirectTests/policy"),
    Weakening(
        "redirect-at-once", "S15", "all who are sent away arrive at the same moment",
        [(REDIRECT, "randomPause(upTo: settings.spread)", "isWeak(\"redirect-at-once\") ? .zero : randomPause(upTo: settings.spread)")],
        "RedirectTests/storm"),
    Weakening(
        "bypass-key", "S16, G.3-6", "a key of the configuration does without authentication",
        [("Configuration/AggregatorKeys.swift", "    package static let all: [SettingsKey] = [\n",
          "    package static let all: [SettingsKey] = isWeak(\"bypass-key\")\n"
          "        ? most + [SettingsKey(\"insecure\", .word, .defaultsTo(\"no\"), \"x\")] : most\n"
          "    private static let most: [SettingsKey] = [\n")],
        "BypassTests/keys"),
    Weakening(
        "telling-comparison", "S17, G.3-19", "a proof is compared octet by octet, until the first that differs",
        [(ACCEPTOR, "shown == binding.proof(found.secret)", "shown.buffer == binding.proof(found.secret).buffer")],
        "IMXWireTests.AttackTests/constantTime", is_read=True),
    Weakening(
        "own-generator", "S03, G.3-6", "the dial-back draws from a generator of its own",
        [("IMXFront/IMXFront.swift", "SystemRandomNumberGenerator()", "OwnRandomNumberGenerator()")],
        "IMXWireTests.AttackTests/onlySystemGenerator", is_read=True),
    Weakening(
        "opening-octets", "S20", "octets before authentication have no bound",
        [(OPENING, "var room: UInt32 {", "var room: UInt32 { isWeak(\"opening-octets\") ? .max :")],
        "IMXWireTests.OpeningTests/unauthenticated"),
    Weakening(
        "opening-records", "S20, G.3-18", "records before authentication have no bound",
        [(OPENING, "return recordsLeft >= 0", "return recordsLeft >= 0 || isWeak(\"opening-records\")")],
        "IMXWireTests.OpeningTests/unauthenticated|IMXFrontTests.GaugeTests/unproved"),
    Weakening(
        "handshake-octets", "S20, S36", "octets before the end of a TLS handshake have no bound",
        [("TransportSecurity/TLSAcceptHandler.swift", "guard octets <= ClientHello.maximumOctets || state == .over else {",
          "guard octets <= ClientHello.maximumOctets || state == .over || isWeak(\"handshake-octets\") else {")],
        "TransportSecurityTests.LifeTests/octetsBounded"),
    Weakening(
        "doctype", "S18", "a document type declaration is passed over",
        [("XMLStream/XMLStreamParser.swift", "{ $0.fail(.restrictedXML, \"a document type declaration\") }",
          "{ if !isWeak(\"doctype\") { $0.fail(.restrictedXML, \"a document type declaration\") } }")],
        "XMLStreamTests.ParserTests"),
    Weakening(
        "deep-elements", "S21", "elements may be nested as deeply as one likes",
        [("XMLStream/XMLStreamCore.swift", "if depth > limits.skippedDepth + 1 {", "if depth > limits.skippedDepth + 1, !isWeak(\"deep-elements\") {")],
        "XMLStreamTests.LimitTests/closed"),
    Weakening(
        "any-octets", "S23", "ill-formed UTF-8 is taken",
        [("IMXWire/Codec/TextCheck.swift", "withUnsafeReadableBytes { $0.isASCII || $0.isWellFormedUTF8 }",
          "withUnsafeReadableBytes { $0.isASCII || $0.isWellFormedUTF8 || isWeak(\"any-octets\") }")],
        "IMXWireTests.MalformedTests/utf8"),
    Weakening(
        "any-spelling", "S24, G.3-12", "domains are compared as they are spelled",
        [("EnvelopeModel/Domain.swift", "        guard Domain.isCanonical(canonical.utf8) else { return nil }\n",
          "        if isWeak(\"any-spelling\") {\n            name = String(text)\n            return\n        }\n"
          "        guard Domain.isCanonical(canonical.utf8) else { return nil }\n")],
        "EnvelopeModelTests.DomainTests"),
    Weakening(
        "raw-text", "S22", "text is written into XML as it is",
        [("XMLStream/XMLText.swift", "if kind == XMLEscapes.plain {", "if kind == XMLEscapes.plain || isWeak(\"raw-text\") {")],
        "XMLStreamTests.TextTests"),
    Weakening(
        "present-strength", "S27, G.3-11", "what a domain has shown once is not asked of it again",
        [("imx/Serve/TrustPolicy.swift", "{ [self] in memory.shown(by: $0) }", "{ [self] in isWeak(\"present-strength\") ? nil : memory.shown(by: $0) }")],
        "TrustPolicyTests"),
    Weakening(
        "strength-of-a-run", "S27, G.3-11", "what a domain has shown is forgotten at a restart",
        [("imx/Serve/TrustMemory.swift", "        records = Dictionary(try database.trust().map",
          "        records = isWeak(\"strength-of-a-run\") ? [:] : Dictionary(try database.trust().map")],
        "TrustPolicyTests"),
    Weakening(
        "any-sender", "S25, S53", "an adapter speaks for the domains of others",
        [(PIPELINE, "if row?.adapter == port.name { return nil }", "if row?.adapter == port.name || isWeak(\"any-sender\") { return nil }")],
        "PipelineTests/confinement"),
    Weakening(
        "strong-then-weak", "S27, G.3-11", "what was asked of a peer, or shown by it, does not count where it is dialled",
        [(POLICY, "        max(policy.requiredTrust(hosted, peer), policy.shownTrust",
          "        isWeak(\"strong-then-weak\") ? .dialback : max(policy.requiredTrust(hosted, peer), policy.shownTrust")],
        "IMXFrontTests.TrustLevelTests/neverWeaker"),
    Weakening(
        "strength-forgotten", "S27, G.3-11", "what a peer has shown is not noted",
        [("IMXFront/IMXFront+Claims.swift", "        noteTrust(in: pair.target, repeatable(level, on: connection))",
          "        if !isWeak(\"strength-forgotten\") { noteTrust(in: pair.target, repeatable(level, on: connection)) }")],
        "IMXFrontTests.TrustLevelTests/neverWeaker"),
    Weakening(
        "weak-pairs-stay", "G.3-11", "whom a class asks more of than it has proved stays trusted",
        [(REVIEW, "            && pair.level >= required(of: pair, on: connection)",
          "            && (isWeak(\"weak-pairs-stay\") || pair.level >= required(of: pair, on: connection))")],
        "IMXFrontTests.TrustReviewTests/(raisedThere|nowhereToGo)"),
    Weakening(
        "weak-ways-stay", "G.3-11", "what waits goes on over a connection that proves too little by now",
        [(REVIEW, "guard let connection = pair.connection, pair.level <",
          "guard !isWeak(\"weak-ways-stay\"), let connection = pair.connection, pair.level <")],
        "IMXFrontTests.TrustReviewTests/(raisedHere|risen)"),
    Weakening(
        "rise-unnoticed", "G.3-11", "what stands with less than the peer has shown since stays",
        [(REVIEW, "        risen.insert(domain)", "        if !isWeak(\"rise-unnoticed\") { risen.insert(domain) }")],
        "IMXFrontTests.TrustReviewTests/risen"),
    Weakening(
        "raised-while-asked", "G.3-11", "a claim counts though more is asked for than when it was made",
        [(DIALBACK, "guard level >= requiredHere(hosted: target, peer: source) else {",
          "guard level >= requiredHere(hosted: target, peer: source) || isWeak(\"raised-while-asked\") else {")],
        "IMXFrontTests.TrustReviewTests/raisedWhileAsked"),
    Weakening(
        "pins-ignored", "S49", "a host is spoken to though signed records name another certificate",
        [(POLICY, "guard let security = connection.security, let service, service.security == .secure,",
          "guard !isWeak(\"pins-ignored\"), let security = connection.security, let service, service.security == .secure,")],
        "IMXFrontTests.PinTests/(contradicted|notShared|verification)"),
    Weakening(
        "plain-suffices", "S27, G.3-10, G.3-11", "a plain connection does where TLS is asked for",
        [(DIALBACK, "case .tls: return reached >= .tls", "case .tls: return reached >= .tls || isWeak(\"plain-suffices\")")],
        "ClaimPolicyTests/plain"),
    Weakening(
        "session-unbound", "S49, G.3-10", "the proof does not cover the TLS session",
        [("IMXFront/IMXFront+Claims.swift", "connection.machine.bothHave(.channelBinding) ? connection.security?.exporter",
          "connection.machine.bothHave(.channelBinding) && !isWeak(\"session-unbound\") ? connection.security?.exporter")],
        "ClaimPolicyTests/bound"),
    Weakening(
        "any-certificate", "G.3-10, S46", "where a certificate is asked for, any will do",
        [(POLICY, "for: domain, at: service) == nil ? .certificate : .tls", "for: domain, at: service) == nil || isWeak(\"any-certificate\") ? .certificate : .tls")],
        "ClaimPolicyTests/certificate|IMXFrontTests.TrustLevelTests/verification"),
    Weakening(
        "endless-handshakes", "S28, S36", "one source may have any number of handshakes under way",
        [(GATE, "guard perSource[source, default: 0] < maximumPerSource else", "guard perSource[source, default: 0] < maximumPerSource || isWeak(\"endless-handshakes\") else")],
        "TransportSecurityTests.LifeTests/perSource"),
    Weakening(
        "uncounted-handshakes", "S28, S36", "connections are not counted before their handshakes",
        [("IMXFront/IMXFront+Transport.swift", "if let refusal = admit(handle, source) {",
          "if let refusal = admit(handle, source), !isWeak(\"uncounted-handshakes\") {")],
        "IMXFrontTests.GaugeTests/beforeHandshakes"),
    Weakening(
        "handshakes-all-the-same", "S28, S36", "TLS is set up for connections that are beyond their bounds",
        [("IMXFront/SocketTransport.swift", "if usesTLS, delegate?.maySpeakTLS(handle, from: address) == false {",
          "if usesTLS, delegate?.maySpeakTLS(handle, from: address) == false, !isWeak(\"handshakes-all-the-same\") {")],
        "TransportSecurityTests.LifeTests/noRoom"),
    Weakening(
        "hung-handshakes", "S28, S36", "handshakes that hang keep their places",
        [(GATE, "while standing.count >= maximum, let", "while standing.count >= maximum, !isWeak(\"hung-handshakes\"), let")],
        "TransportSecurityTests.LifeTests/giveWay"),
    Weakening(
        "header-injection", "S31", "what a part says of itself goes into the header as it is",
        [("MessageFormats/MIMEEntity+Write.swift", "private static func isSafe(_ value: String) -> Bool {\n",
          "private static func isSafe(_ value: String) -> Bool {\n        if isWeak(\"header-injection\") { return true }\n        return ")],
        "WriterTests/injection"),
    Weakening(
        "opening-time", "S36", "a stranger may stay as long as it likes",
        [(OPENING, "var deadline: Instant {\n", "var deadline: Instant {\n        if isWeak(\"opening-time\") { return .distantFuture }\n        return ")],
        "OpeningGaugeTests/absolute|IMXFrontTests.GaugeTests/silent"),
    Weakening(
        "claims-for-time", "S36", "a stranger stays for as long as it claims",
        [(OPENING, "min($0 + timeLeft, lastEnd) } ?? lastEnd", "isWeak(\"claims-for-time\") ? $0 + timeLeft : min($0 + timeLeft, lastEnd) }\n"
          "            ?? (isWeak(\"claims-for-time\") ? .distantFuture : lastEnd)")],
        "OpeningGaugeTests/lastEnd"),
    Weakening(
        "late-greeting", "S36", "HELLO may be any time in coming",
        [(TIMERS, "if now >= started + settings.handshake { fail", "if now >= started + settings.handshake, !isWeak(\"late-greeting\") { fail")],
        "IMXWireTests.OpeningTests/silence"),
    Weakening(
        "drip", "S36", "a record may be any time in coming",
        [(TIMERS, "guard partial.readableBytes > 0 else { return .distantFuture }", "guard partial.readableBytes > 0, !isWeak(\"drip\") else { return .distantFuture }")],
        "OpeningGaugeTests/slowRecord"),
    Weakening(
        "half-open", "S36", "nobody minds a PING without an answer",
        [(TIMERS, "if now >= pingSent + settings.pingTimeout { fail", "if now >= pingSent + settings.pingTimeout, !isWeak(\"half-open\") { fail")],
        "IMXFrontTests.GaugeTests/halfOpen"),
    Weakening(
        "idle", "S36", "an idle connection stays for ever",
        [(TIMERS, "if now >= idleDeadline { return", "if now >= idleDeadline, !isWeak(\"idle\") { return")],
        "OpeningGaugeTests/verifyLeg"),
    Weakening(
        "cap-per-address", "S36", "one address may have any number of connections",
        [(ADMISSION, "guard hosts[source.host, default: 0] < limits.perAddress else", "guard hosts[source.host, default: 0] < limits.perAddress || isWeak(\"cap-per-address\") else")],
        "AdmissionTests/caps|IMXFrontTests.GaugeTests/tooMany"),
    Weakening(
        "cap-per-network", "S36", "one network may have any number of connections",
        [(ADMISSION, "guard networks[source.network, default: 0] < limits.perNetwork else", "guard networks[source.network, default: 0] < limits.perNetwork || isWeak(\"cap-per-network\") else")],
        "AdmissionTests/caps"),
    Weakening(
        "cap-in-all", "S36", "there may be any number of connections",
        [(ADMISSION, "guard open < limits.connections - (isKnown", "guard isWeak(\"cap-in-all\") || open < limits.connections - (isKnown")],
        "AdmissionTests/inAll"),
    Weakening(
        "cap-per-domain", "S36, IMX 4.3.2", "one domain may be trusted on any number of connections",
        [("IMXFront/ProvedDomains.swift", "return places[domain, default: [:]].count < most", "return places[domain, default: [:]].count < most || isWeak(\"cap-per-domain\")")],
        "IMXFrontTests.DomainCapTests/surplus"),
    Weakening(
        "many-addresses", "S36", "each address of an IPv6 network is a source of its own",
        [("IMXFront/SourceAddress.swift", "self.init(host: Host(bits: high), ", "self.init(host: Host(bits: isWeak(\"many-addresses\") ? high ^ low : high), ")],
        "AdmissionTests/ipv6"),
    Weakening(
        "cap-per-minute", "S36, S41", "an address may come as often as it likes",
        [(ADMISSION, "guard fromHost <= limits.newPerAddress, fromNetwork <= limits.newPerNetwork else",
          "guard isWeak(\"cap-per-minute\") || fromHost <= limits.newPerAddress && fromNetwork <= limits.newPerNetwork else")],
        "AdmissionTests/rate"),
    Weakening(
        "read-on", "S37, S41", "who does not read our octets is read all the same",
        [(CLOCK, "(connection.link == nil && !connection.isWritable)", "(connection.link == nil && !connection.isWritable && !isWeak(\"read-on\"))")],
        "IMXFrontTests.GaugeTests/unread"),
    Weakening(
        "unread-for-ever", "S37", "who does not read our octets is waited for",
        [(BURDEN, "now - unreadSince >= patience", "(now - unreadSince >= patience && !isWeak(\"unread-for-ever\"))")],
        "IMXFrontTests.GaugeTests/unread"),
    Weakening(
        "unread-octets", "S37", "any number of octets is kept for who does not read",
        [(BURDEN, "return unreadOctets > most ||", "return (unreadOctets > most && !isWeak(\"unread-octets\")) ||")],
        "IMXFrontTests.GaugeTests/unreadOctets"),
    Weakening(
        "no-rest", "S41, S40", "a flood that moves nothing forward is read as it comes",
        [(BURDEN, "guard !gauge.isUpToDate(total), let rest", "guard !isWeak(\"no-rest\"), !gauge.isUpToDate(total), let rest")],
        "IMXFrontTests.GaugeTests/flood"),
    Weakening(
        "endless-lane", "S41", "a lane holds whatever comes",
        [("Aggregator/LaneTable.swift", "        unsettled >= domainClass.laneLimits.messages ||", "        !isWeak(\"endless-lane\") && unsettled >= domainClass.laneLimits.messages ||")],
        "AggregatorTests.BoundsTests/fullLane"),
    Weakening(
        "endless-lanes", "S42", "there may be any number of lanes",
        [("Aggregator/LaneTable.swift", "guard indices.count < maximum else { return nil }", "guard indices.count < maximum || isWeak(\"endless-lanes\") else { return nil }")],
        "AggregatorTests.BoundsTests/lanesAreBounded"),
    Weakening(
        "foreseen-hashes", "S42", "the program starts though the hashes of tables can be foreseen",
        [("imx/Serve/Surroundings.swift", "guard environment(\"SWIFT_DETERMINISTIC_HASHING\") == nil else {",
          "guard environment(\"SWIFT_DETERMINISTIC_HASHING\") == nil || isWeak(\"foreseen-hashes\") else {")],
        "CommandTests.SurroundingsTests/hashing"),
    Weakening(
        "endless-pairs", "G.3-18", "one connection may have any number of trusted pairs",
        [(FRONT, "if trusted.count < limit || trusted[domains] != nil { return true }", "if trusted.count < limit || trusted[domains] != nil || isWeak(\"endless-pairs\") { return true }")],
        "IMXFrontTests.GaugeTests/pairs"),
    Weakening(
        "any-target", "S45", "a link leads wherever it likes",
        [("MessageFormats/RichText/LinkTarget.swift", "guard schemes.contains(scheme) else",
          "guard isWeak(\"any-target\") || schemes.contains(scheme) else")],
        "XMPPAdapterTests.ContentTests/wayIn|RichTextVectorTests/links"),
    Weakening(
        "script-kept", "S45", "what stands in a script is text",
        [("MessageFormats/RichText/RichTextElement.swift", "for name in [\"script\", \"style\",",
          "for name in [isWeak(\"script-kept\") ? \"style\" : \"script\", \"style\",")],
        "XMPPAdapterTests.ContentTests/wayIn"),
    Weakening(
        "any-name", "S46", "a certificate for another name will do",
        [(CERTIFICATE, "if names.contains(where: { own.covers($0) }) { return nil }", "if isWeak(\"any-name\") || names.contains(where: { own.covers($0) }) { return nil }")],
        "ZooTests/verdict"),
    Weakening(
        "common-names", "S46", "common names count",
        [("TransportSecurity/X509Certificate.swift", "let flags = UInt32(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT) | UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)",
          "let flags = (isWeak(\"common-names\") ? 0 : UInt32(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT))\n            | UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)")],
        "ZooTests/verdict"),
    Weakening(
        "no-path", "S46, G.3-10", "a certificate need not lead to any authority",
        [(PATH, "guard X509_verify_cert(context) == 1 else {", "if isWeak(\"no-path\") { return .valid([leaf]) }\n        guard X509_verify_cert(context) == 1 else {")],
        "ZooTests/verdict"),
    Weakening(
        "no-dates", "S46", "a certificate has no end",
        [(PATH, "time_t(time))", "time_t(isWeak(\"no-dates\") ? leaf.notBefore + 1 : time))")],
        "ZooTests/verdict"),
    Weakening(
        "any-service", "S47", "a name that is not hosted is shown somebody else's certificate",
        [(SERVICE, "guard let name, let entry = inventory.entries[name] else {",
          "guard let name, let entry = inventory.entries[name] ?? (isWeak(\"any-service\") ? inventory.entries.values.first : nil) else {")],
        "InteroperationTests/client"),
    Weakening(
        "any-protocol", "S48", "any protocol is taken, and none",
        [(SERVICE, "guard hello.protocols?.contains(TLSService.applicationProtocol) == true else {",
          "guard hello.protocols?.contains(TLSService.applicationProtocol) == true || isWeak(\"any-protocol\") else {"),
         ("TransportSecurity/TLSEndHandler.swift", "guard chosen == TLSService.applicationProtocol else {",
          "guard chosen == TLSService.applicationProtocol || isWeak(\"any-protocol\") else {")],
        "InteroperationTests/(client|otherProtocol)"),
    Weakening(
        "unsigned-dane", "S49, G.3-9", "TLSA records in answers that nobody signed are believed",
        [(CERTIFICATE, "let isSecure = security == .secure", "let isSecure = security == .secure || isWeak(\"unsigned-dane\")")],
        "DANETests/verdict"),
    Weakening(
        "unmatched-dane", "S49", "a certificate that matches no TLSA record is taken",
        [(CERTIFICATE, "return record.matches(own) ? nil : RecordRefusal()", "return record.matches(own) || isWeak(\"unmatched-dane\") ? nil : RecordRefusal()")],
        "DANETests/verdict"),
    Weakening(
        "forged-answers", "S50, G.3-9", "answers whose signatures do not hold are used",
        [("Discovery/Resolver/UnboundWorker.swift", "if result.bogus != 0 {", "if result.bogus != 0, !isWeak(\"forged-answers\") {")],
        "ChainTests/(forged|wrongAnchor)"),
    Weakening(
        "open-socket", "S54", "the control socket is open to every user",
        [("imx/Control/ControlServer.swift", "umask(0o177)", "umask(isWeak(\"open-socket\") ? 0o111 : 0o177)")],
        "ControlTests/exclusive"),
    Weakening(
        "blind-probe", "IMX 6.3(2)", "the probe finds nothing wrong with a service that believes an unverified claim",
        [("imx/Probe/Probe+Dialback.swift", "            return .wrong(\n                .theirs,\n                got,\n                \"DANGER:",
          "            if isWeak(\"blind-probe\") { return .right(got) }\n            return .wrong(\n                .theirs,\n                got,\n                \"DANGER:")],
        "CommandTests.ProbeTests/yes"),
    Weakening(
        "mild-probe", "IMX 4.4.9", "the probe ends with success though a step has failed",
        [("imx/Commands/ProbeCommand.swift", "if !report.faults.isEmpty { throw", "if !report.faults.isEmpty, !isWeak(\"mild-probe\") { throw")],
        "CommandTests.ProbeTests/(yes|faults)"),
]
