// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import NIOCore

/// How a probe puts into words what came.
enum ProbeText {
    /// Four digits.
    static func hexadecimal(_ number: UInt16) -> String {
        let digits = String(number, radix: 16, uppercase: true)
        return String(repeating: "0", count: 4 - digits.count) + digits
    }

    /// An answer, as the peer gave it.
    static func answer(_ answer: AnswerRecord) -> String {
        code(answer.code, answer.details?.text, answer.details?.failedField)
    }

    /// A CLOSE, as the peer said it.
    static func close(_ close: CloseRecord) -> String { "CLOSE " + code(close.code, close.text, close.failedField) }

    private static func code(_ code: OutcomeCode, _ text: ByteBuffer?, _ field: FieldID?) -> String {
        let said = text.map { ": \"\(String(buffer: $0).prefix(200))\"" } ?? ""
        return "\(code) \(code.meaning)\(said)" + (field.map { ", field \(hexadecimal($0.rawValue))" } ?? "")
    }

    /// The peer is another kind of service: which, by its first octets, and what to do.
    static func foreign(_ octets: ByteBuffer) -> (got: String, remedy: String) {
        let bytes = Array(octets.readableBytesView.prefix(200))
        let text = String(decoding: bytes, as: UTF8.self)
        let shown = text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        let elsewhere = "this is not the port of an IMX service; correct the port, or the record that names it"
        switch text {
        case _ where bytes.starts(with: [0x15, 0x03]):
            return ("a TLS alert", "the port speaks TLS: use --tls, and set the TLS flag in the DNS record")
        case _ where text.hasPrefix("<?xml") || text.hasPrefix("<stream"): return ("XMPP: \(shown)", elsewhere)
        case _ where text.hasPrefix("HTTP/"): return ("HTTP: \(shown)", elsewhere)
        case _ where text.hasPrefix("SSH-"): return ("SSH: \(shown)", elsewhere)
        case _ where text.hasPrefix("220 ") || text.hasPrefix("220-"): return ("mail or FTP: \(shown)", elsewhere)
        case _ where bytes.starts(with: [0x89, 0x49, 0x4D, 0x58]) || bytes.starts(with: [0x09, 0x49, 0x4D, 0x58]):
            return (
                "a preface that was changed on its way: \(digits(bytes.prefix(8)))",
                "something between the two ends rewrites what passes; take it out of the way"
            )
        default: return ("other octets: \(digits(bytes.prefix(16)))", elsewhere)
        }
    }

    private static func digits(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined(separator: " ")
    }
}
