// SPDX-License-Identifier: Apache-2.0
import Glibc
import Telemetry

/// Where commands write: answers to standard output, complaints to standard error.
enum Terminal {
    /// Writes a complaint, after the program's name.
    static func complain(_ text: String, asIs: Bool = false) {
        guard !text.isEmpty else { return }
        write((asIs ? "" : "imx: ") + text + "\n", to: 2)
    }

    /// Writes an answer.
    static func answer(_ text: String) { write(text + "\n", to: 1) }

    private static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var start = 0
            while start < bytes.count {
                let count = Glibc.write(descriptor, bytes.baseAddress?.advanced(by: start), bytes.count - start)
                if count < 0 && errno == EINTR { continue }
                if count <= 0 { return }
                start += count
            }
        }
    }

    /// All of standard input up to `limit` octets; nil where there is more or it is not UTF-8.
    static func input(limit: Int) -> String? {
        var octets: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while octets.count <= limit {
            let count = read(0, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { return String(validating: octets, as: UTF8.self) }
            octets += chunk[..<count]
        }
        return nil
    }

    /// Text from a peer as it may be shown on a terminal: control characters and turns of direction are replaced.
    static func safe(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.isUnseen ? "\u{FFFD}" : $0 }
            )
        )
    }
}
