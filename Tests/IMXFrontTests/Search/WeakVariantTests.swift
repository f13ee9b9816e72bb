// SPDX-License-Identifier: Apache-2.0
import Testing

/// A weakening of what is shipped. Nil in `harmless`: it lets an attack through; else why it does not.
struct Weak: CustomTestStringConvertible, Sendable {
    let name: String
    let harmless: String?
    let weaken: @Sendable (inout Variant) -> Void

    init(_ name: String, harmless: String? = nil, _ weaken: @escaping @Sendable (inout Variant) -> Void) {
        self.name = name
        self.harmless = harmless
        self.weaken = weaken
    }

    var testDescription: String { name }
}

/// The rows of `dialback.md`, section 2: names of what is weak in the claimant, then of what makes a leg trusted.
let weakVariants = [
    Weak("the draft: the secret travels back, targets are not looked at") {
        ($0.sendsSecret, $0.ignoresTarget, $0.identifier) = (true, true, .none)
    },
    Weak("the draft, and the token makes the leg trusted") {
        ($0.sendsSecret, $0.ignoresTarget, $0.identifier, $0.leg) = (true, true, .none, .token)
    },
    Weak(
        "the secret travels back, but targets are looked at",
        harmless: "a VERIFY for another target gets nothing, so the secret only ever goes to the claim's acceptor"
    ) { $0.sendsSecret = true },
    Weak(
        "targets are not looked at; names are the claimant's own",
        harmless: "M gets a proof, but over the claimant's own target and connection, and no claim of M's has that pair"
    ) { $0.ignoresTarget = true },
    Weak(
        "the same without any identifier",
        harmless: "the names alone tell M's claim from the claimant's"
    ) { ($0.ignoresTarget, $0.identifier) = (true, .none) },
    Weak("names are copied from VERIFY, without any identifier") {
        ($0.ignoresTarget, $0.copiesNames, $0.identifier) = (true, true, .none)
    },
    Weak("names are copied from VERIFY, with both nonces as identifier") {
        ($0.ignoresTarget, $0.copiesNames, $0.identifier) = (true, true, .nonces)
    },
    Weak(
        "names are copied from VERIFY, with the HELLO records as identifier",
        harmless: "M mirrors both nonces, but the domain that the dialler named differs, and with it the identifier"
    ) { ($0.ignoresTarget, $0.copiesNames) = (true, true) },
    Weak("names are copied, with both nonces, and the confirmation makes the leg trusted") {
        ($0.ignoresTarget, $0.copiesNames, $0.identifier, $0.leg) = (true, true, .nonces, .confirmed)
    },
    Weak("names are copied, and the token makes the leg trusted") {
        ($0.ignoresTarget, $0.copiesNames, $0.leg) = (true, true, .token)
    },
    Weak("the token makes the leg trusted; targets are not looked at") {
        ($0.ignoresTarget, $0.leg) = (true, .token)
    },
    Weak("the token makes the leg trusted, and M knows tokens") { ($0.tokensAreKnown, $0.leg) = (true, .token) },
    Weak(
        "the token makes the leg trusted",
        harmless: "only the claim's acceptor has the token and the right target to go with it"
    ) { $0.leg = .token },
    Weak(
        "the confirmation makes the leg trusted; targets are not looked at",
        harmless: "who can confirm has the secret that came on the leg, so the leg is the acceptor's"
    ) { ($0.ignoresTarget, $0.leg) = (true, .confirmed) },
    Weak(
        "the confirmation makes the leg trusted, as `mutual` has it",
        harmless: "who can confirm has the secret that came on the leg, so the leg is the acceptor's"
    ) { $0.leg = .confirmed },
    Weak("claims are known by their pair alone") { $0.forgetsConnection = true },
    Weak("a source is trusted for every target") { $0.trustsSource = true },
    Weak("a refusal says why") { $0.tellsWhy = true },
    Weak("a tenant with its own DNS passes on what is for itself") {
        ($0.hasTenant, $0.countsOwnRelay) = (true, true)
    },
    Weak(
        "a tenant with its own DNS, and both ends bind to TLS",
        harmless: "two connections never have one exported value, so no proof for one is right on another"
    ) { ($0.hasTenant, $0.countsOwnRelay, $0.identifier) = (true, true, .exporter) },
    Weak("a tenant with its own DNS, of a careless claimant") {
        ($0.hasTenant, $0.ignoresTarget, $0.copiesNames) = (true, true, true)
    },
    Weak(
        "a tenant with its own DNS",
        harmless: "all that M gets is data for its own domain, which is not counted as a break here"
    ) { $0.hasTenant = true },
]

extension SearchTests {
    @Test(
        "dialback 2, G.6: each weakening that lets an attack through is caught, and no other",
        arguments: weakVariants
    )
    func weakened(weak: Weak) {
        var variant = Variant()
        weak.weaken(&variant)
        let search = Search.inBreadth(variant, Self.bounds)
        #expect((search.trace == nil) == (weak.harmless != nil))
        // The number of states alone does not tell that the weak line was ever reached: a VERIFY for another target
        // leads to exactly one state more, be it refused or proved.
        #expect(search.departures > 0, "nothing went otherwise than in what is shipped")
        let found = search.trace?.joined(separator: "\n    ") ?? "no attack: \(weak.harmless ?? "why?")"
        print(
            """
            \(weak.name): \(search.states) states, \(search.statesWithTrust) with trust, \
            \(search.departures) departures
                \(found)
            """
        )
    }
}
