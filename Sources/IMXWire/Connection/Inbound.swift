// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

/// What a connection has to say to whoever holds it.
package enum Inbound: Sendable {
    /// Acceptor only: the peer's HELLO is good. Answer with ``ConnectionMachine/accept(now:)`` or
    /// ``ConnectionMachine/refuse(_:_:now:)``; until then nothing further comes.
    case dialled(HelloRecord)
    /// Both HELLOs are exchanged and records may flow.
    case established(HelloRecord)
    case message(tag: UInt32, isRetry: Bool, MessageRecord)
    case report(tag: UInt32, isRetry: Bool, ReportRecord)
    case subscribe(tag: UInt32, isRetry: Bool, SubscribeRecord)
    case notify(tag: UInt32, isRetry: Bool, NotifyRecord)
    case get(tag: UInt32, GetRecord)
    case pushAttributes(PushAttributesRecord)
    case claim(tag: UInt32, ClaimRecord)
    case verify(tag: UInt32, VerifyRecord)
    case proof(ProofRecord)
    /// The answer to the request that was sent with `cookie`.
    case answer(cookie: UInt64, AnswerRecord)
    /// The answer to the request that was sent with `cookie` could not be read: what became of it is uncertain.
    case unreadableAnswer(cookie: UInt64, IMXError)
    case redirect(RedirectRecord)
    /// A record was refused. Where it was a request, the refusal is already answered.
    case refused(RecordType, tag: UInt32, IMXError)
    /// The peer is about to leave. Send nothing new; with a real last tag, see ``ConnectionMachine/takeUnhandled()``.
    case closing(CloseRecord)
    /// Write what is outbound, then close the transport. Nothing comes after it.
    case closed(ConnectionEnd)
}

/// How a connection ended.
package enum ConnectionEnd: Sendable, Hashable {
    /// Both ends said CLOSE.
    case orderly
    /// This end closed for `error`; the peer was told where it could be.
    case failed(IMXError)
    /// The peer closed for a reason of its own.
    case closedByPeer(OutcomeCode)
    /// The transport ended without a CLOSE.
    case lost
}

/// What became of a record that was to be sent.
package enum SendResult: Sendable, Hashable {
    /// It stands in the outbound octets, under this tag.
    case sent(tag: UInt32)
    /// The peer takes no more requests until it has answered some.
    case windowFull
    /// It is larger than the peer takes.
    case tooLarge
    /// The connection is not open for it.
    case notOpen
}
