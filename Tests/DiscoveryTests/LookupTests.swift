// SPDX-License-Identifier: Apache-2.0
import Discovery
import EnvelopeModel
import Testing

/// What a look-up asks, and what it makes of the answers.
@Suite struct LookupTests {
    static func srv(_ text: String, port: UInt16 = 5291, priority: UInt16 = 1) throws -> [UInt8] {
        let target = try #require(DNSName(text))
        return [UInt8(priority >> 8), UInt8(priority & 255), 0, 0, UInt8(port >> 8), UInt8(port & 255)] + target.wire
    }

    static let address: [UInt8] = [192, 0, 2, 1]

    @Test("I.2: the questions come in their order, and the domain's address only where there is no record at all")
    func order() throws {
        let bed = FakeBed()
        bed.source.put("b.example", NumericAddress.typeA, [Self.address])
        let service = try #require(bed.service("b.example"))
        #expect(service.origin == .address && service.hosts.first?.port == 5290 && service.security == .secure)
        #expect(
            bed.source.asked.map { "\($0.name) \($0.type)" } == [
                "b.example 65370", "_imx._tcp.b.example 33", "_im._imx.b.example 33", "b.example 28", "b.example 1",
                "_5290._tcp.b.example 52",
            ]
        )
    }

    @Test("I.2: messages and presence have names of their own", arguments: [ServicePurpose.messages, .presence])
    func purposes(purpose: ServicePurpose) throws {
        let bed = FakeBed()
        bed.source.put("_im._imx.b.example", SRVRecord.type, [try Self.srv("m.b.example")])
        bed.source.put("_pres._imx.b.example", SRVRecord.type, [try Self.srv("p.b.example")])
        for host in ["m", "p"] { bed.source.put("\(host).b.example", NumericAddress.typeA, [Self.address]) }
        let service = try #require(bed.service("b.example", for: purpose))
        #expect(service.origin == .instantMessagingSRV)
        #expect(service.hosts.map(\.name) == [purpose == .messages ? "m.b.example" : "p.b.example"])
    }

    @Test("I.2: records of one kind hide those of the later ones")
    func precedence() throws {
        let bed = FakeBed()
        try bed.source.serve("b.example")
        bed.source.put("_imx._tcp.b.example", SRVRecord.type, [try Self.srv("s.b.example")])
        bed.source.put("b.example", NumericAddress.typeA, [Self.address])
        #expect(bed.service("b.example")?.hosts.map(\.name) == ["h.b.example"])
        bed.source.put("b.example", IMXRecord.type, .noData)
        bed.resolver.forget(try #require(Domain("b.example")))
        bed.source.put("s.b.example", NumericAddress.typeA, [Self.address])
        #expect(bed.service("b.example")?.hosts.map(\.name) == ["s.b.example"])
    }

    @Test(
        "I.2: a failure ends the look-up as unavailable and a forgery as bogus; neither leads to a weaker record",
        arguments: ["b.example 65370", "_imx._tcp.b.example 33", "_im._imx.b.example 33", "b.example 1"]
    )
    func failures(place: String) throws {
        let bed = FakeBed()
        let parts = place.split(separator: " ").map(String.init)
        let type = try #require(UInt16(parts[1]))
        for (status, start) in [(DNSAnswer.Status.failed("x"), "unavailable"), (.bogus("x"), "bogus")] {
            bed.source.put("b.example", NumericAddress.typeAAAA, [[UInt8](repeating: 1, count: 16)])
            bed.source.put(parts[0], type, status)
            if type == 1, case .failed = status {
                // One family fails, the other serves.
                #expect(bed.service("b.example") != nil)
            } else {
                #expect(bed.resolve("b.example")?.text.hasPrefix(start) == true)
            }
            bed.resolver.forget(try #require(Domain("b.example")))
        }
    }

    @Test("IMX 4.2.3: a domain that does not exist is not found after one question, one without records after all")
    func notFound() throws {
        let bed = FakeBed()
        bed.source.put("gone.example", IMXRecord.type, .noName)
        #expect(bed.resolve("gone.example")?.text == "not found: there is no domain gone.example in the DNS")
        #expect(bed.source.asked.count == 1)
        #expect(
            bed.resolve("bare.example")?.text
                == "not found: bare.example has neither an IMX nor an SRV record, nor an address"
        )
        #expect(bed.resolve("127.0.0.1")?.text.hasPrefix("not found") == true)
        #expect(bed.source.asked.count == 6)
    }

    @Test("IMX 4.2.3: the root as the target says at once that there is no service; beside others it is passed over")
    func root() throws {
        let bed = FakeBed()
        let none = try IMXRecord(text: "0 0 0 - .").rdata
        bed.source.put("b.example", IMXRecord.type, [none])
        bed.source.put("_imx._tcp.b.example", SRVRecord.type, [try Self.srv("s.b.example")])
        #expect(bed.resolve("b.example")?.text.hasPrefix("not found: b.example says") == true)
        #expect(bed.source.asked.count == 1)
        try bed.source.serve("c.example")
        let good = try IMXRecord(text: "10 0 5290 - h.c.example.").rdata
        bed.source.put("c.example", IMXRecord.type, [none, good])
        #expect(bed.service("c.example")?.hosts.count == 1)
        bed.source.put("_imx._tcp.d.example", SRVRecord.type, [try Self.srv(".", port: 0)])
        bed.source.put("d.example", NumericAddress.typeA, [Self.address])
        #expect(bed.resolve("d.example")?.text.hasPrefix("not found: d.example says") == true)
    }

    @Test("I.2: unreadable records are passed over beside good ones, and alone they are bogus")
    func unreadable() throws {
        let bed = FakeBed()
        try bed.source.serve("b.example")
        let good = try IMXRecord(text: "10 0 5290 - h.b.example.").rdata
        let bad: [[UInt8]] = [
            [], [0], Array(good.dropLast()), good + [0], try IMXRecord(text: "1 0 0 - h.b.example.").rdata,
            try IMXRecord(text: "1 0 1 - 127.0.0.1.").rdata, try IMXRecord(text: "1 0 1 - _a.b.example.").rdata,
        ]
        bed.source.put("b.example", IMXRecord.type, bad + [good])
        #expect(bed.service("b.example")?.hosts.map(\.name) == ["h.b.example"])
        for rdata in bad {
            bed.resolver.forget(try #require(Domain("b.example")))
            bed.source.put("b.example", IMXRecord.type, [rdata])
            #expect(bed.resolve("b.example")?.text.hasPrefix("bogus: no record at b.example can be used") == true)
        }
    }

    @Test("RFC 2782: a target that is an alias is refused, and the others are used")
    func alias() throws {
        let bed = FakeBed()
        let records = [try Self.srv("alias.b.example"), try Self.srv("real.b.example")]
        bed.source.put("_imx._tcp.b.example", SRVRecord.type, records)
        bed.source.put("real.b.example", NumericAddress.typeA, [Self.address])
        bed.source.answers[DNSQuestion(name: "alias.b.example", type: NumericAddress.typeA)] =
            DNSAnswer(.data, records: [Self.address], isSecure: true, seconds: 60, alias: "real.b.example.")
        #expect(bed.service("b.example")?.hosts.map(\.name) == ["real.b.example"])
        bed.source.put("_imx._tcp.b.example", SRVRecord.type, [records[0]])
        bed.resolver.forget(try #require(Domain("b.example")))
        #expect(bed.resolve("b.example")?.text.contains("it is an alias of real.b.example.") == true)
    }

    @Test(
        "G.3-9: a service is secure only where every answer on the way was",
        arguments: ["", "b.example 65370", "_imx._tcp.b.example 33", "s.b.example 1", "s.b.example 28"]
    )
    func security(unsigned: String) throws {
        let bed = FakeBed()
        bed.source.put("_imx._tcp.b.example", SRVRecord.type, [try Self.srv("s.b.example")])
        bed.source.put("s.b.example", NumericAddress.typeA, [Self.address])
        for question in [("b.example", IMXRecord.type), ("s.b.example", NumericAddress.typeAAAA)] {
            bed.source.put(question.0, question.1, .noData)
        }
        for question in bed.source.answers.keys where "\(question.name) \(question.type)" == unsigned {
            bed.source.answers[question]?.isSecure = false
        }
        #expect(bed.service("b.example")?.security == (unsigned.isEmpty ? .secure : .insecure))
        // Certificates are asked for only where they would count.
        #expect(bed.source.asked.contains { $0.type == TLSARecord.type } == unsigned.isEmpty)
    }

    @Test(
        "RFC 7673 §3: a signed TLSA record says that a port speaks TLS where the record cannot; an unsigned one says nothing"
    )
    func certificates() throws {
        let bed = FakeBed()
        let tlsa: [UInt8] = [3, 1, 1] + [UInt8](repeating: 9, count: 32)
        let owner = "_5291._tcp.s.b.example"
        bed.source.put("_imx._tcp.b.example", SRVRecord.type, [try Self.srv("s.b.example")])
        bed.source.put("s.b.example", NumericAddress.typeA, [Self.address])
        for (isSecure, records, usesTLS, count) in [
            (true, [tlsa, [3, 1, 1, 0], [9, 1, 1] + Array(tlsa.dropFirst(3))], true, 1), (false, [tlsa], false, 0),
        ] as [(Bool, [[UInt8]], Bool, Int)] {
            bed.source.put(owner, TLSARecord.type, records, isSecure: isSecure)
            bed.resolver.forget(try #require(Domain("b.example")))
            let host = try #require(bed.service("b.example")?.hosts.first)
            #expect(host.usesTLS == usesTLS && host.tlsa.count == count)
        }
    }

    @Test("RFC 7672 §2.1: a TLSA look-up that fails takes the host out, because the failure may hide a record")
    func hiddenCertificates() throws {
        let bed = FakeBed()
        try bed.source.serve("b.example", tls: true)
        for (status, start) in [(DNSAnswer.Status.failed("x"), "unavailable"), (.bogus("x"), "bogus")] {
            bed.source.put("_5290._tcp.h.b.example", TLSARecord.type, status)
            bed.resolver.forget(try #require(Domain("b.example")))
            #expect(bed.resolve("b.example")?.text.hasPrefix(start) == true)
        }
        bed.source.put("_5290._tcp.h.b.example", TLSARecord.type, .noName)
        bed.resolver.forget(try #require(Domain("b.example")))
        #expect(bed.service("b.example")?.hosts.first?.usesTLS == true)
    }

    @Test("S50: of 500 records the hosts of lowest preference are kept, and the questions stay bounded")
    func manyRecords() throws {
        let bed = FakeBed()
        let records = try (0..<500).map { try IMXRecord(text: "\(1000 - $0) 0 5290 TLS h\($0).b.example.").rdata }
        bed.source.put("b.example", IMXRecord.type, records)
        for index in 0..<500 {
            let many = (0..<100).map { [10, 0, UInt8($0), UInt8(index & 255)] as [UInt8] }
            bed.source.put("h\(index).b.example", NumericAddress.typeA, many)
        }
        let service = try #require(bed.service("b.example"))
        #expect(Set(service.hosts.map(\.name)) == Set((484..<500).map { "h\($0).b.example" }))
        #expect(service.hosts.allSatisfy { $0.addresses.count == 8 })
        #expect(bed.source.asked.count <= 56)
    }

    @Test("S50: a domain whose answers do not come ends within the time, with the hosts whose addresses are known")
    func time() throws {
        let bed = FakeBed()
        bed.source.holds = true
        let domain = try #require(Domain("b.example"))
        var ends: [String] = []
        bed.resolver.resolve(domain) { ends.append($0.text) }
        bed.wait(4)
        #expect(ends.isEmpty && bed.timers == 1)
        bed.wait(1)
        #expect(ends == ["unavailable: the name servers of b.example gave no answer within 5.0 s"])
        #expect(bed.source.withdrawn == 1 && bed.timers == 0)
        // What comes late changes nothing.
        bed.source.release()
        #expect(ends.count == 1)

        bed.resolver.forget(domain)
        let records = try ["quick", "slow"].map { try IMXRecord(text: "1 0 5290 - \($0).b.example.").rdata }
        bed.source.put("b.example", IMXRecord.type, records)
        bed.source.put("quick.b.example", NumericAddress.typeA, [Self.address])
        bed.source.heldNames = ["slow.b.example"]
        bed.resolver.resolve(domain) { ends.append($0.text) }
        bed.wait(5)
        #expect(ends.last == "service quick.b.example" && bed.source.withdrawn == 3 && bed.timers == 0)
    }
}
