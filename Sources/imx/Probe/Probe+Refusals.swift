// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import NIOCore

/// What a peer must turn away, each on a connection of its own.
extension Probe {
    func refusedVersion() {
        step(
            "version",
            "sent HELLO for versions 32000 to 32000 on a new connection",
            expecting: "CLOSE 5008 with the peer's own versions",
            "4.2"
        ) {
            refusal(afterPreface: Probe.hello(dialled: plan.domain, versions: 32_000...32_000)) { close in
                close.code == .notUnderstood && close.versions?.contains(1) == true
            }
        }
    }

    func refusedSize() {
        step(
            "size",
            "sent the header of a record of 16385 octets on a new connection, before any authentication",
            expecting: "CLOSE 5009",
            "3.2"
        ) {
            var octets = Probe.hello(dialled: plan.domain)
            octets.writeMultipleIntegers(UInt32(16_385), RecordType.ping.rawValue, UInt16(0x0100), UInt32(1))
            return refusal(afterPreface: octets) { $0.code == .tooLarge }
        }
    }

    func refusedDomain() {
        guard plan.isDomainKnown else { return }
        step(
            "relay",
            "sent HELLO for a domain that nobody hosts, \(plan.nobody), on a new connection",
            expecting: "CLOSE 5006",
            "4.2"
        ) {
            refusal(afterPreface: Probe.hello(dialled: plan.nobody)) { $0.code == .notServedHere }
        }
    }

    func refusedPreface() {
        step(
            "silence",
            "sent the beginning of another protocol in place of the preface, on a new connection",
            expecting: "the end of the connection, and at most the preface before it",
            "2.2"
        ) {
            connected { stream in
                stream.write(ByteBuffer(string: "GET / HTTP/1.0\r\n\r\n"))
                let hasEnded = stream.waitForEnd(within: plan.patience)
                var said = stream.peek()
                let isSilent =
                    said.readableBytes == 0 || (said.readInteger() == Preface.value && said.readableBytes == 0)
                let remedy = "the service breaks IMX-1; report it to whoever makes it"
                guard isSilent else { return .wrong(.theirs, "\(stream.peek().readableBytes) octets", remedy) }
                return hasEnded
                    ? .right("the connection ended, no word was said") : .wrong(.theirs, "it stays open", remedy)
            }
        }
    }

    /// Opens a connection and sends `octets` after the prefaces; a CLOSE is expected, and the end.
    private func refusal(afterPreface octets: ByteBuffer, isRight: (CloseRecord) -> Bool) -> ProbeFinding {
        connected { stream in
            stream.write(ByteBuffer(integer: Preface.value))
            guard (try? stream.read(Preface.size, within: plan.patience))?.getInteger(at: 0) == Preface.value else {
                return .wrong(.theirs, "no preface on the new connection", "the service limits connections too tightly")
            }
            stream.write(octets)
            let session = ProbeSession(stream)
            while true {
                do throws(ProbeSession.Failure) {
                    let record = try session.next(within: plan.patience)
                    // The peer's HELLO may come before it has read what it refuses.
                    if record.type != .hello {
                        let type = ProbeText.hexadecimal(record.type.rawValue)
                        return .wrong(.theirs, "a record of type \(type)", "report it to whoever makes the service")
                    }
                } catch {
                    guard case .closed(let close) = error, isRight(close) else { return finding(error) }
                    return .right(ProbeText.close(close))
                }
            }
        }
    }

    private func connected(_ body: (ProbeStream) -> ProbeFinding) -> ProbeFinding {
        let stream = ProbeStream()
        defer { stream.close() }
        do throws(ProbeStream.Failure) {
            _ = try dial(stream)
        } catch {
            return Probe.unreachable(error)
        }
        return body(stream)
    }
}
