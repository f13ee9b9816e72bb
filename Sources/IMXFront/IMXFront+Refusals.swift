// SPDX-License-Identifier: Apache-2.0
import AdapterKit
package import EnvelopeModel
import IMXWire
import Logging
import Telemetry
package import TransportSecurity

import struct NIOCore.ByteBuffer

/// Something that was refused to a peer. The set is closed: no peer can make the table of counts grow.
package enum PeerRefusal: Hashable, CustomStringConvertible {
    /// A connection to here was not taken.
    case connection(reason: String)
    /// A handshake of TLS failed.
    case handshake(TLSFailure.Kind, isDialled: Bool)
    /// A connection or a place proves less than is asked for.
    case weak(TrustLevel)
    /// A connection was closed for what came on it, or did not come.
    case closed(OutcomeCode)
    /// A record was refused for what it says.
    case record(OutcomeCode)
    /// A message or report was refused for whom it is from or to.
    case data(OutcomeCode)
    /// A claim was refused.
    case claim(OutcomeCode)
    /// A question whether a claim is ours was refused.
    case verify(OutcomeCode)
    /// A connection was given up because its peer did not read.
    case unread
    /// Reading was held up because too much came that moves nothing forward.
    case flood

    package var description: String {
        switch self {
        case .connection(let reason): "connection-\(reason)"
        case .handshake(let kind, false): "tls-\(kind.rawValue)"
        case .handshake(let kind, true): "dialled-tls-\(kind.rawValue)"
        case .weak(let level): "less-than-\(level.word)"
        case .closed(let code): "closed-\(code)"
        case .record(let code): "record-\(code)"
        case .data(let code): "data-\(code)"
        case .claim(let code): "claim-\(code)"
        case .verify(let code): "verify-\(code)"
        case .unread: "unread"
        case .flood: "flood"
        }
    }
}

extension IMXFront {
    func count(_ refusal: PeerRefusal) { refusals[refusal, default: 0] += 1 }

    /// Turns a connection to here away. It is told so where that costs next to nothing: in one write, of octets that
    /// say the same to everybody.
    func turnAway(_ handle: ConnectionHandle, _ reason: ConnectionAdmission.Refusal, address: String) {
        note(reason, address)
        transport.write(reason == .stopping ? Self.stoppingFarewell : Self.farewell, on: handle)
        transport.close(handle)
    }

    /// Counts and logs that a connection was not taken.
    func note(_ reason: ConnectionAdmission.Refusal, _ address: String) {
        count(.connection(reason: reason.rawValue))
        notice(
            "connection refused",
            metadata: ["address": "\(address)", "reason": "\(reason.rawValue)"],
            from: SourceAddress(address).network
        )
    }

    private static let farewell = makeFarewell(.rateLimited, "too many connections")
    private static let stoppingFarewell = makeFarewell(.unavailable, "shutting down")

    private static func makeFarewell(_ code: OutcomeCode, _ text: String) -> ByteBuffer {
        var octets = ByteBuffer(integer: Preface.value)
        CloseRecord(code: code, lastTag: CloseRecord.nothingTaken, text: ByteBuffer(string: text)).write(to: &octets)
        return octets
    }

    /// Answers a claim for which the connection has no room; false where it has.
    func refuseForWantOfRoom(_ claim: ClaimRecord, tag: UInt32, on connection: FrontConnection) -> Bool {
        let pair = DomainPair(source: claim.source, target: claim.target)
        connection.claimed = ByteBuffer(bytes: claim.source.readableBytesView)
        if connection.hasRoom(for: pair, limit: settings.pairsPerConnection, now: now) { return false }
        connection.burden.refusals &+= 1
        count(.claim(.rateLimited))
        notice("claim refused", on: connection, metadata: ["outcome": "\(OutcomeCode.rateLimited)"])
        connection.machine.answer(
            AnswerRecord(.rateLimited, text: "too many pairs of domains on one connection"),
            to: .claim,
            tag: tag,
            now: now
        )
        return true
    }

    /// IMX 4.3.2: refuses the trust that was just proved where `source` is trusted on as many connections to here as one
    /// domain may have; notes it where it is not. Nobody who has not proved the domain learns how many it has.
    ///
    /// A connection that serves nobody else is closed with the reason; its other domains do not suffer for this one.
    func refuseForWantOfConnections(
        _ source: Domain,
        _ pair: DomainPair,
        _ tag: UInt32,
        until: Instant,
        on connection: FrontConnection
    ) -> Bool {
        guard connection.role == .acceptor else { return false }
        let handle = connection.handle
        guard !provedDomains.admits(source, on: handle, most: settings.admission.perDomain, now: now) else {
            provedDomains.note(source, on: handle, until: until, most: settings.pairsPerConnection, now: now)
            return false
        }
        let reason = ConnectionAdmission.Refusal.tooManyFromDomain
        count(.connection(reason: reason.rawValue))
        notice(
            "connection refused",
            metadata: ["address": "\(connection.address)", "domain": "\(source)", "reason": "\(reason.rawValue)"],
            from: connection.source.network
        )
        connection.burden.refusals &+= 1
        let text = "too many connections of \(source)"
        connection.machine.answer(AnswerRecord(.rateLimited, text: text), to: .claim, tag: tag, now: now)
        if connection.trusted.isEmpty, !acceptor.isChecking(handle) {
            connection.machine.close(.rateLimited, text, now: now)
        }
        markDirty(connection)
        return true
    }

    /// Logs something that a stranger caused, unless its network or strangers in all have caused too much of it.
    func notice(
        _ message: @autoclosure () -> Logger.Message,
        metadata: @autoclosure () -> Logger.Metadata,
        from network: AddressBlock? = nil
    ) {
        guard let leftOut = logBudget.take(network, now: now) else { return }
        var all = metadata()
        if leftOut > 0 { all["left-out"] = "\(leftOut)" }
        host.logger.notice(message(), metadata: all)
    }

    /// The same about a connection: with the peer's address, and the domain that it has proved or else claimed to be.
    func notice(
        _ message: @autoclosure () -> Logger.Message,
        on connection: FrontConnection,
        metadata: @autoclosure () -> Logger.Metadata = [:]
    ) {
        notice(
            message(),
            metadata: identity(of: connection).merging(metadata()) { $1 },
            from: connection.source.network
        )
    }

    private func identity(of connection: FrontConnection) -> Logger.Metadata {
        var all: Logger.Metadata = ["address": "\(connection.address)"]
        if connection.line != nil { all["peer"] = "\(connection.peerName)" }
        if let pair = connection.trusted.values.first {
            all["domain"] = "\(pair.source)"
        } else if let claimed = connection.claimed {
            all["claims"] = "\(String(buffer: claimed))"
        }
        return all
    }

    /// Once a minute the lines that were left out are told, if no line of their own network has done so.
    func tellLeftOut() {
        guard now - leftOutTold >= .seconds(60) else { return }
        leftOutTold = now
        let count = logBudget.takeLeftOut()
        guard count > 0 else { return }
        host.logger.warning("lines about peers were left out", metadata: ["count": "\(count)"])
    }
}
