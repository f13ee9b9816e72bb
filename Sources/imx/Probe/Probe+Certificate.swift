// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Telemetry
import TransportSecurity

/// What a certificate is worth, and whether that is enough for us.
extension Probe {
    /// Judges what was shown as an aggregator would. Returns the level that the place reaches for the domain.
    func judgeCertificate(_ security: ConnectionSecurity, at place: Place) -> TrustLevel {
        var level = TrustLevel.tls
        step(
            "certificate",
            "judged the certificate for \(plan.domain)",
            expecting: "a certificate for \(plan.domain) of a trusted authority, or one that signed DNS vouches for",
            "6.7"
        ) {
            guard let peer = security.peer else { return .note("none was shown") }
            let refusal = peer.refusal(
                for: plan.domain,
                host: place.host,
                security: place.security,
                time: WallTime.now.milliseconds / 1000
            )
            guard let refusal else {
                level = .certificate
                return .right("good for \(plan.domain): \(peer.summary)")
            }
            return certificateFault(refusal, peer.summary)
        }
        return level
    }

    /// What is wrong with a certificate. A mistake is one for everybody; an authority may merely be unknown here.
    private func certificateFault(_ refusal: String, _ summary: String) -> ProbeFinding {
        let got = "of no worth for \(plan.domain): \(refusal); it is \(summary)"
        let mistakes: [(String, ProbeStep.Side, String)] = [
            ("has expired", .theirs, "renew it; an aggregator takes the renewed file without a restart"),
            ("not valid yet", .theirs, "look at the clocks of both machines"),
            ("the certificate is for", .theirs, "the service needs one with \(plan.domain) among its DNS names"),
            ("names no domain", .theirs, "the service needs one with \(plan.domain) among its DNS names"),
            ("TLSA", .dns, "publish the TLSA record that imx dns record prints for the certificate in use"),
            ("may not be used", .theirs, "get a certificate that is good for servers"),
        ]
        if let (_, side, remedy) = mistakes.first(where: { refusal.contains($0.0) }) {
            return .wrong(side, got, remedy)
        }
        let remedy =
            refusal.contains("self-signed")
            ? "publish a TLSA record in a signed zone, or have an authority sign it"
            : "the service has to send intermediate certificates along; name a private authority under tls authorities,"
                + " and give --config"
        return .note(got, remedy + "; trust \"dialback\" and \"tls\" hold all the same")
    }

    /// Compares what the place reaches with what the configuration asks for.
    func judgeTrust(_ level: TrustLevel) {
        guard let demanded = plan.demanded, demanded > .dialback else { return }
        step(
            "trust",
            "compared it with what the configuration asks for",
            expecting: "at least \"\(demanded.word)\"",
            "6.7"
        ) {
            guard level < demanded else { return .right("\"\(level.word)\": trust would hold") }
            return .wrong(
                .theirs,
                "\"\(level.word)\": trust would not hold",
                level == .dialback
                    ? "the service has to offer a port with TLS, and its record to say so; or ask for less in the class"
                    : "see the step before; or ask for less in the class"
            )
        }
    }
}
