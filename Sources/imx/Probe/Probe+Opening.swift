// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXFront
import IMXWire
import NIOCore

/// The way from a connection to the peer's HELLO.
extension Probe {
    /// Connects to the first place that can be reached, and greets.
    func open() -> ProbeSession? {
        for found in findPlaces() {
            place = found
            guard let stream = connect(), awaitPreface(stream) else { continue }
            let session = ProbeSession(stream)
            return hello(session) ? session : nil
        }
        return nil
    }

    /// Exchanges prefaces; closes where the peer sends another one.
    func awaitPreface(_ stream: ProbeStream) -> Bool {
        let isRight = step(
            "preface",
            "sent the preface and nothing else",
            expecting: "the same 8 octets within \(patience)",
            "2.2"
        ) {
            stream.write(ByteBuffer(integer: Preface.value))
            do throws(ProbeStream.Failure) {
                var octets = try stream.read(Preface.size, within: plan.patience)
                if octets.readableBytes == Preface.size, octets.readInteger() == Preface.value {
                    return .right("the preface of IMX/1")
                }
                octets.moveReaderIndex(to: 0)
                var rest = stream.peek()
                octets.writeBuffer(&rest)
                let (got, remedy) = ProbeText.foreign(octets)
                return .wrong(.theirs, got, remedy)
            } catch {
                return prefaceFailure(error, stream.peek())
            }
        }
        if !isRight { stream.close() }
        return isRight
    }

    private func prefaceFailure(_ failure: ProbeStream.Failure, _ octets: ByteBuffer) -> ProbeFinding {
        guard octets.readableBytes == 0 else {
            let (got, remedy) = ProbeText.foreign(octets)
            return .wrong(.theirs, got, remedy)
        }
        let hint = place?.endpoint.usesTLS == true ? "" : ", or one that speaks TLS (try --tls)"
        switch failure {
        case .silence:
            return .wrong(
                .theirs,
                "nothing",
                "something listens there and waits; it may be another service\(hint)"
            )
        case .ended(let reason):
            return .wrong(
                .theirs,
                "the connection was closed before the preface: \(reason)",
                "the service turns this address away (connection limit, firewall), or is another one\(hint); its log says which"
            )
        }
    }

    /// Greets. Returns whether records can follow.
    private func hello(_ session: ProbeSession) -> Bool {
        step(
            "hello",
            "sent HELLO for \(plan.domain), versions 1 to 1, with a field and a capability without a meaning",
            expecting: "the peer's HELLO with a common version within \(patience)",
            "4.2"
        ) {
            session.stream.write(Probe.hello(dialled: plan.domain))
            do throws(ProbeSession.Failure) {
                let record = try session.next(within: plan.patience)
                return helloFinding(record)
            } catch {
                return helloFailure(error)
            }
        }
    }

    /// Our HELLO.
    static func hello(dialled: Domain, versions: ClosedRange<UInt16> = 1...1) -> ByteBuffer {
        var random = SystemRandomNumberGenerator()
        let hello = HelloRecord(
            versionMin: versions.lowerBound,
            versionMax: versions.upperBound,
            serverID: ServerID(high: random.next(), low: random.next()),
            software: ByteBuffer(string: "imx/\(Version.number) probe"),
            capabilities: [Capability(rawValue: 0x3A3A)],
            nonce: ConnectionNonce(random: &random),
            dialled: ByteBuffer(string: dialled.name),
            extra: [UnknownField(id: FieldID(rawValue: 0x5A5A), value: ByteBuffer(string: "grease"))]
        )
        var out = ByteBuffer()
        hello.write(to: &out)
        return out
    }

    private func helloFinding(_ record: ProbeSession.Record) -> ProbeFinding {
        let remedy = "the service breaks IMX-1; report it to whoever makes it"
        guard record.type == .hello else {
            return .wrong(.theirs, "a record of type \(ProbeText.hexadecimal(record.type.rawValue))", remedy)
        }
        do throws(IMXError) {
            let hello = try HelloRecord(payload: record.payload)
            if hello.dialled != nil { return .wrong(.theirs, "HELLO with a dialled domain, as a dialler's", remedy) }
            guard (hello.versionMin...max(hello.versionMin, hello.versionMax)).contains(1) else {
                return .wrong(
                    .theirs,
                    "HELLO for versions \(hello.versionMin) to \(hello.versionMax) after ours said 1",
                    remedy
                )
            }
            let bounds: [(UInt32?, ClosedRange<UInt32>, String)] = [
                (hello.maxRecord, 16_384...16_777_216, "max-record"), (hello.maxInflight, 1 ... .max, "max-inflight"),
                (hello.idleSeconds, 1 ... .max, "idle-seconds"),
            ]
            for (value, range, name) in bounds {
                if let value, !range.contains(value) { return .wrong(.theirs, "HELLO with \(name) \(value)", remedy) }
            }
            return .right(Probe.words(hello))
        } catch {
            return .wrong(.theirs, "a HELLO that cannot be read: \(error.words)", remedy)
        }
    }

    /// What a HELLO says.
    private static func words(_ hello: HelloRecord) -> String {
        let names: [Capability: String] = [.channelBinding: "cb", .mutual: "mutual"]
        let known = hello.capabilities.compactMap { names[$0] }
        let software = hello.software.map { String(buffer: $0) } ?? "unnamed"
        return "\(software), versions \(hello.versionMin) to \(hello.versionMax), server-id \(hello.serverID), "
            + "capabilities \(known.isEmpty ? "none" : known.joined(separator: " ")), "
            + "max-record \(hello.maxRecord ?? HelloRecord.defaultMaxRecord), "
            + "max-inflight \(hello.maxInflight ?? HelloRecord.defaultMaxInflight), "
            + "idle \(hello.idleSeconds ?? 300) s, nonce present"
    }

    private func helloFailure(_ failure: ProbeSession.Failure) -> ProbeFinding {
        guard case .closed(let close) = failure else { return finding(failure) }
        let got = ProbeText.close(close)
        switch close.code {
        case .notServedHere where !plan.isDomainKnown:
            return .wrong(.ours, got, "say which domain to ask for: --domain DOMAIN")
        case .notServedHere:
            return .wrong(
                .theirs,
                got,
                "the service is not the one of \(plan.domain): correct the record or the peers list that leads there, "
                    + "or add the domain to the service"
            )
        case .notUnderstood:
            let versions = close.versions.map { "versions \($0.lowerBound) to \($0.upperBound)" } ?? "another version"
            return .wrong(.ours, "\(got); it speaks \(versions)", "this program speaks version 1 only; update it")
        case .loop: return .wrong(.ours, got, "the connection leads back to this machine: correct the address")
        case .rateLimited, .shortOfResources:
            return .wrong(.theirs, got, "the service has no room for this address now; try again later")
        default: return .wrong(.theirs, got, "the service turns strangers away; its log says why")
        }
    }
}
