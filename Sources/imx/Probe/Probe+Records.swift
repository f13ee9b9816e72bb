// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import NIOCore

/// What any peer answers on a connection that is open and not authenticated.
extension Probe {
    func ping(_ session: ProbeSession) {
        step("ping", "sent PING", expecting: "2000 and the same octets", "5.7", on: session) {
            pingFinding(session, [(FieldID.opaque.rawValue, ByteBuffer(string: "imx-probe"))])
        }
    }

    func grease(_ session: ProbeSession) {
        step(
            "grease",
            "sent a record and a field without a meaning",
            expecting: "both passed over, and PING still answered",
            "3.5",
            on: session
        ) {
            session.send(RecordType(rawValue: 0x2A2A), [], tag: 0, [(0x2A2A, ByteBuffer(bytes: [0, 1, 2]))])
            return pingFinding(
                session,
                [
                    (0x4A4A, ByteBuffer(bytes: [0, 1, 2])),
                    (FieldID.opaque.rawValue, ByteBuffer(string: "imx-probe")),
                ]
            )
        }
    }

    private func pingFinding(_ session: ProbeSession, _ fields: [(UInt16, ByteBuffer)]) -> ProbeFinding {
        let tag = session.nextTag()
        session.send(.ping, .request, tag: tag, fields)
        return answered(session, .ping, tag) { answer in
            answer.code == .delivered && answer.details?.opaque == ByteBuffer(string: "imx-probe")
        }
    }

    func criticalField(_ session: ProbeSession) {
        step(
            "critical",
            "sent PING with an unknown critical field, C0DE",
            expecting: "5008 with failed-field C0DE, and the connection goes on",
            "3.4",
            on: session
        ) {
            let tag = session.nextTag()
            session.send(.ping, .request, tag: tag, [(0xC0DE, ByteBuffer(bytes: [1]))])
            return answered(session, .ping, tag) { answer in
                answer.code == .notUnderstood && answer.details?.failedField == FieldID(rawValue: 0xC0DE)
            }
        }
    }

    func unknownRequest(_ session: ProbeSession) {
        step("unknown", "sent a request of the unknown type 0777", expecting: "5008", "3.4", on: session) {
            let tag = session.nextTag()
            let type = RecordType(rawValue: 0x0777)
            session.send(type, .request, tag: tag)
            return answered(session, type, tag) { $0.code == .notUnderstood }
        }
    }

    private func answered(
        _ session: ProbeSession,
        _ type: RecordType,
        _ tag: UInt32,
        isRight: (AnswerRecord) -> Bool
    ) -> ProbeFinding {
        do throws(ProbeSession.Failure) {
            let answer = try session.answer(to: type, tag: tag, within: plan.patience)
            guard isRight(answer) else {
                return .wrong(
                    .theirs,
                    ProbeText.answer(answer),
                    "the service breaks IMX-1; report it to whoever makes it"
                )
            }
            return .right(ProbeText.answer(answer))
        } catch {
            return finding(error)
        }
    }

    /// Closes in two steps.
    func close(_ session: ProbeSession) {
        step(
            "close",
            "sent the first CLOSE, a PING behind it, and the last CLOSE",
            expecting: "the PING's answer, the peer's last CLOSE, and the end of the connection",
            "5.8",
            on: session
        ) {
            let draining = ByteBuffer(integer: CloseRecord.draining)
            let done = (FieldID.code.rawValue, ByteBuffer(integer: OutcomeCode.delivered.rawValue))
            session.send(.close, [], tag: 0, [(FieldID.lastTag.rawValue, draining), done])
            let tag = session.nextTag()
            session.send(.ping, .request, tag: tag)
            do throws(ProbeSession.Failure) {
                _ = try session.answer(to: .ping, tag: tag, within: plan.patience)
            } catch {
                return finding(error)
            }
            let last = ByteBuffer(integer: session.lastTaken)
            session.send(.close, [], tag: 0, [(FieldID.lastTag.rawValue, last), done])
            return lastClose(session)
        }
        session.stream.close()
    }

    private func lastClose(_ session: ProbeSession) -> ProbeFinding {
        let end = ContinuousClock.now + .seconds(12)
        while true {
            do throws(ProbeSession.Failure) {
                _ = try session.next(until: end)
            } catch {
                guard case .closed(let close) = error else { return finding(error) }
                // The first step of the peer's own close may come before.
                if close.lastTag == CloseRecord.draining { continue }
                guard close.code == .delivered else { return finding(error) }
                let hasEnded = session.stream.waitForEnd(within: .seconds(12))
                let got = "\(ProbeText.close(close)), last tag \(close.lastTag)"
                return hasEnded
                    ? .right(got)
                    : .note("\(got), and the connection stays open", "the service keeps connections that are over")
            }
        }
    }
}
