// SPDX-License-Identifier: Apache-2.0
import Configuration
import Testing

@Suite("Ways around authentication")
struct BypassTests {
    @Test("S16, G.3-6: no key of the configuration turns authentication off, and none holds a secret of the dial-back")
    func keys() {
        var names: [String] = []
        var choices: [String] = []
        func walk(_ keys: [SettingsKey], _ path: String) {
            for key in keys {
                names.append(path + key.name)
                visit(key.kind, path + key.name + ".")
            }
        }
        func visit(_ kind: SettingsKind, _ path: String) {
            switch kind {
            case .section(let keys): walk(keys, path)
            case .table(_, let values, _): visit(values, path)
            case .choice(let words): choices += words.map { path + $0 }
            default: break
            }
        }
        walk(AggregatorKeys.all, "")
        #expect(names.contains("classes.trust") && choices.contains("classes.trust.dialback"), "\(names)")
        let words = [
            "insecure", "skip", "without", "bypass", "disable", "unverified", "accept-any", "no-auth", "trust-all",
        ]
        let bad = (names + choices).filter { name in words.contains { name.contains($0) } }
        #expect(bad.isEmpty, "\(bad)")
        // The least that any class may ask for is the dial-back.
        #expect(
            choices.filter { $0.hasPrefix("classes.trust.") }.map { $0.dropFirst(14) } == [
                "dialback", "tls", "certificate",
            ]
        )
        #expect(!names.contains { $0.contains("dialback") && $0.contains("secret") })
    }
}
