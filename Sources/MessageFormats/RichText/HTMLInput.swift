// SPDX-License-Identifier: Apache-2.0
import struct NIOCore.ByteBuffer

/// What a text goes through before anything else.
enum HTMLInput {
    /// The octets in well-formed UTF-8, without characters that XML cannot hold, as libxml2 is to see them.
    static func prepare(_ octets: ByteBuffer) -> [UInt8] {
        var text = String(decoding: octets.readableBytesView, as: UTF8.self)
        var prepared = Array("<\(HTMLReader.wrapper)>".utf8)
        prepared.reserveCapacity(prepared.count + text.utf8.count)
        text.withUTF8 { append($0, to: &prepared, isMarkup: true) }
        return prepared
    }

    /// A plain text without characters that XML cannot hold.
    static func clean(_ text: String) -> [UInt8] {
        var text = text
        var cleaned: [UInt8] = []
        cleaned.reserveCapacity(text.utf8.count)
        text.withUTF8 { append($0, to: &cleaned, isMarkup: false) }
        return cleaned
    }

    /// An attribute's value as it was before.
    static func restore(_ value: String) -> String {
        guard value.utf8.contains(UInt8(ascii: "<")) else { return value }
        let marker = String(decoding: declaration, as: UTF8.self).unicodeScalars
        return value.unicodeScalars.split(separator: marker, omittingEmptySubsequences: false).map(String.init)
            .joined(separator: "<!")
    }

    private static let replacement = Array("\u{FFFD}".utf8)
    /// libxml2 takes a declaration for text unless it is a comment or a DOCTYPE, but knows a processing instruction.
    private static let declaration = Array("<?imx-declaration ".utf8)

    private static func append(_ octets: UnsafeBufferPointer<UInt8>, to prepared: inout [UInt8], isMarkup: Bool) {
        var start = 0
        for (index, octet) in octets.enumerated() {
            guard octet < 0x20 || octet == UInt8(ascii: "!") || octet == 0xEF else { continue }
            switch octet {
            case 0x09, 0x0A, 0x0D: continue
            case UInt8(ascii: "!"):
                guard isMarkup, index > 0, octets[index - 1] == UInt8(ascii: "<"),
                    !isKnownDeclaration(octets[(index + 1)...])
                else { continue }
                prepared += octets[start..<(index - 1)]
                prepared += declaration
                start = index + 1
            case 0xEF:
                // U+FFFE and U+FFFF.
                guard index + 2 < octets.count, octets[index + 1] == 0xBF, octets[index + 2] >= 0xBE else { continue }
                prepared += octets[start..<index]
                prepared += replacement
                start = index + 3
            default:
                prepared += octets[start..<index]
                prepared += octet == 0x0C ? [0x20] : replacement
                start = index + 1
            }
        }
        prepared += octets[start...]
    }

    private static func isKnownDeclaration(_ rest: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        rest.starts(with: Array("--".utf8)) || rest.prefix(7).elementsEqual("doctype".utf8) { $0 | 0x20 == $1 }
    }
}
