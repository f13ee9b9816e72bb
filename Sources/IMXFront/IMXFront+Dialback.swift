import EnvelopeModel
import Logging
import IMXWire
import NIOCore
struct DialbackAcceptor {}
struct DialbackClaimant {}
extension IMXFront {
    func take(_ record: ClaimRecord, tag: UInt32, on connection: FrontConnection) {}
    func take(_ record: VerifyRecord, tag: UInt32, on connection: FrontConnection) {}
    func take(_ record: ProofRecord, on connection: FrontConnection) {}
    func claimAnswered(_ pair: PairQueue, _ answer: AnswerRecord, on connection: FrontConnection) {}
    func claimFailed(_ pair: PairQueue, _ outcome: Outcome, on connection: FrontConnection) {}
    func verificationFailed(on: ConnectionHandle, source: ByteBuffer, target: ByteBuffer) {}
    func verificationAnswered(on: ConnectionHandle, source: ByteBuffer, target: ByteBuffer, code: OutcomeCode) {}
    func forgetDialbacks(of: FrontConnection) {}
    func expireDialbacks() {}
    func askForTrust(_ pair: PairQueue, on: FrontConnection) {}
}
