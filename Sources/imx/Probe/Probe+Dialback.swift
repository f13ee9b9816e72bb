// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import NIOCore

/// A claim that nobody will stand by, to see how it is refused.
extension Probe {
    func rehearse(_ session: ProbeSession) {
        let source = plan.source ?? plan.nobody
        step(
            "dial-back",
            "claimed \(source) > \(plan.domain) with a token that no server has made"
                + (plan.source == nil ? "" : "; the service looks \(source) up and asks its servers"),
            expecting: "4005 or 5015 and nothing that tells more",
            "6.4",
            on: session
        ) {
            var random = SystemRandomNumberGenerator()
            var token = ByteBuffer()
            for _ in 0..<4 { token.writeInteger(random.next()) }
            let tag = session.nextTag()
            session.send(
                .claim,
                .request,
                tag: tag,
                [
                    (FieldID.sourceDomain.rawValue, ByteBuffer(string: source.name)),
                    (FieldID.targetDomain.rawValue, ByteBuffer(string: plan.domain.name)),
                    (FieldID.token.rawValue, token),
                ]
            )
            do throws(ProbeSession.Failure) {
                return claimFinding(try session.answer(to: .claim, tag: tag, within: plan.claimPatience), source)
            } catch {
                if case .silence = error {
                    return .wrong(
                        .theirs,
                        "nothing in \(Int(plan.claimPatience.seconds)) s",
                        "the service lets claims lapse without an answer; report it to whoever makes it"
                    )
                }
                return finding(error)
            }
        }
    }

    private func claimFinding(_ answer: AnswerRecord, _ source: Domain) -> ProbeFinding {
        let got = ProbeText.answer(answer)
        switch answer.code {
        case .notVerifiedNow:
            guard plan.source != nil else { return .right(got) }
            return .note(
                got,
                "the service found no server of \(source) that it could ask: see imx dns check \(source), and whether "
                    + "the service's network can reach it"
            )
        case .notVerified:
            return .right(
                got + (plan.source == nil ? "" : ": it reached the servers of \(source), which know nothing of it")
            )
        case .delivered:
            return .wrong(
                .theirs,
                got,
                "DANGER: the service believes a claim that nobody has verified; do not exchange messages with it"
            )
        case .refused:
            return .note(got, "the service's policy refuses \(source), or demands TLS or a certificate of it")
        case .notServedHere:
            return .wrong(.theirs, got, "the service takes connections for \(plan.domain) and does not host it")
        case .rateLimited:
            return .note(got, "the service has too many claims from this network at this moment; try again later")
        default:
            return .wrong(.theirs, got, "the service breaks IMX-1; report it to whoever makes it")
        }
    }
}
