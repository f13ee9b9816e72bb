// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Yams

extension SettingsReader {
    /// Reads a value that is one scalar.
    mutating func scalar(_ node: Node, kind: SettingsKind, path: String, sample: String) -> SettingsValue.Content? {
        guard case .scalar(let scalar) = node else {
            report(
                node,
                "\"\(path)\" is \(described(node)), not \(kind.expectation)",
                remedy: "for example: \(sample.yamlScalar)"
            )
            return nil
        }
        let text = scalar.string
        let content = parse(text, kind: kind)
        if content == nil {
            report(
                node,
                "\"\(path)\": \"\(printable(text))\" is not \(kind.expectation)",
                remedy: hint(text, kind: kind) ?? "for example: \(sample.yamlScalar)"
            )
        }
        return content
    }

    private func parse(_ text: String, kind: SettingsKind) -> SettingsValue.Content? {
        switch kind {
        case .text: text.isEmpty || hasControls(text) ? nil : .text(text)
        case .path: text.isEmpty || hasControls(text) ? nil : .text(secrets.absolute(text))
        case .word, .reference: isWord(text) ? .text(text) : nil
        case .choice(let words): words.contains(text) ? .text(text) : nil
        case .domain: Domain(text).map { .domain($0) }
        case .address: Address(text).map { .address($0) }
        case .endpoint: Endpoint(text).flatMap { $0.port == 0 ? nil : .endpoint($0) }
        case .listener: Endpoint(text).flatMap { $0.isNumericHost ? .endpoint($0) : nil }
        case .nameServer: Endpoint(text).flatMap { $0.isNumericHost && $0.port != 0 ? .endpoint($0) : nil }
        case .peer: Endpoint(peer: text).flatMap { $0.port == 0 ? nil : .endpoint($0) }
        case .peerListener: Endpoint(peer: text).flatMap { $0.isNumericHost ? .endpoint($0) : nil }
        case .addressRange: isAddressRange(text) ? .text(text) : nil
        case .party(let role): PartyPattern(text).flatMap { role.takes($0) ? .text(text) : nil }
        case .duration(let range):
            Interval(configuration: text).flatMap { range.contains($0) ? .duration($0) : nil }
        case .size(let range): size(configuration: text).flatMap { range.contains($0) ? .integer($0) : nil }
        case .integer(let range): Int(text).flatMap { range.contains($0) ? .integer($0) : nil }
        case .flag: text == "true" ? .flag(true) : text == "false" ? .flag(false) : nil
        case .secret, .list, .section, .table, .variant: nil
        }
    }

    /// A remedy that looks at what was written.
    private func hint(_ text: String, kind: SettingsKind) -> String? {
        switch kind {
        case .choice(let words): nearest(to: text, among: words).map { "did you mean \"\($0)\"?" }
        case .duration: Int(text).map { "add a unit: \($0)ms, \($0)s, \($0)m, \($0)h or \($0)d" }
        case .size:
            Int(text).map { "add a unit: \($0)B, \($0)KiB, \($0)MiB or \($0)GiB" }
                ?? (text.lowercased().hasSuffix("b") && !text.hasSuffix("iB")
                    ? "units are B, KiB, MiB and GiB (1 KiB is 1024 octets)" : nil)
        case .flag: ["yes", "on"].contains(text.lowercased()) ? "write: true" : "write true or false"
        case .endpoint where text.hasPrefix("tls://"), .listener where text.hasPrefix("tls://"):
            "this link does not speak TLS: leave out tls://"
        case .endpoint, .listener, .peer, .peerListener:
            Endpoint(peer: text + ":5290") != nil ? "add the port, for example: \"\(printable(text)):5290\"" : nil
        case .nameServer:
            Endpoint(text + ":53") != nil ? "add the port, for example: \"\(printable(text)):53\"" : nil
        case .party(let role): nearest(to: text, among: role.words).map { "did you mean \"\($0)\"?" }
        case .domain where !text.utf8.allSatisfy({ $0 < 0x80 }):
            "write an internationalised name in its ASCII form (xn--...)"
        default: nil
        }
    }

    /// Reads a list.
    mutating func list(
        _ node: Node,
        of kind: SettingsKind,
        count: ClosedRange<Int>,
        path: String,
        sample: String
    ) -> SettingsValue.Content? {
        guard case .sequence(let sequence) = node else {
            report(node, "\"\(path)\" is \(described(node)), not a list", remedy: "for example: \(sample)")
            return nil
        }
        guard count.contains(sequence.count) else {
            report(
                node,
                "\"\(path)\" has \(sequence.count) entries; it takes \(count.lowerBound) to \(count.upperBound)",
                remedy: "for example: \(sample)"
            )
            return nil
        }
        var items: [SettingsValue] = []
        for (index, item) in sequence.enumerated() {
            if let value = value(item, kind: kind, path: "\(path)[\(index)]", sample: kind.sample) {
                items.append(value)
            }
        }
        return items.count == sequence.count ? .list(items) : nil
    }

    /// Reads named entries.
    mutating func table(
        _ node: Node,
        names: SettingsKind,
        values: SettingsKind,
        path: String,
        sample: String
    ) -> SettingsValue.Content? {
        guard case .mapping(let mapping) = node else {
            report(
                node,
                "\"\(path)\" is \(described(node)), not a section of named entries",
                remedy: "for example, below it and indented: \(sample)"
            )
            return nil
        }
        var rows: [(name: String, value: SettingsValue)] = []
        var broken: [String] = []
        for (keyNode, entry) in mapping {
            guard let name = keyNode.scalar?.string, !name.hasPrefix(YAMLSource.repeatedPrefix) else { continue }
            guard let content = scalar(keyNode, kind: names, path: path, sample: names.sample) else { continue }
            let canonical = if case .domain(let domain) = content { domain.name } else { name }
            if rows.contains(where: { $0.name == canonical }) {
                report(keyNode, "\"\(path)\" has \"\(canonical)\" twice", remedy: "keep one of them")
            }
            if let value = value(entry, kind: values, path: child(path, canonical), sample: values.sample) {
                rows.append((canonical, value))
            } else {
                broken.append(canonical)
            }
        }
        return .table(rows, broken: broken)
    }

    /// Reads a section whose keys depend on its `kind`.
    mutating func variant(_ node: Node, path: String) -> Settings? {
        let words = schemas.map(\.word)
        let known = words.joined(separator: ", ")
        guard case .mapping(let mapping) = node, let kindNode = mapping["kind"] else {
            report(
                node,
                "\"\(path)\" lacks \"kind\": which adapter serves it",
                remedy: "add one of \(known), for example: kind: \(words.first ?? "stub")"
            )
            return nil
        }
        guard let schema = schemas.first(where: { $0.word == kindNode.scalar?.string }) else {
            let word = printable(kindNode.scalar?.string ?? "")
            report(
                kindNode,
                "there is no adapter \"\(word)\"",
                remedy: nearest(to: word, among: words).map { "did you mean \"\($0)\"?" }
                    ?? "the adapters are: \(known)"
            )
            return nil
        }
        guard var settings = section(node, keys: schema.keys, path: path, ignoring: { $0 == "kind" }) else {
            return nil
        }
        settings.entries["kind"] = SettingsValue(position: position(kindNode), content: .text(schema.word))
        return settings
    }

    /// Reads a secret. No message ever shows what was written.
    mutating func secret(_ node: Node, path: String) -> SettingsValue.Content? {
        let remedy = "write { file: /etc/imx/secret } or { env: IMX_SECRET }"
        switch node {
        case .scalar(let scalar):
            guard !scalar.string.isEmpty else {
                report(node, "\"\(path)\" is empty", remedy: remedy)
                return nil
            }
            guard !secrets.fileIsWorldReadable else {
                report(
                    node,
                    "\"\(path)\" stands in a file that every user of this machine can read",
                    remedy: "\(remedy), or: chmod o-r \(file)"
                )
                return nil
            }
            return .secret(Secret(scalar.string))
        case .mapping(let mapping) where mapping.count == 1:
            guard let (key, value) = mapping.first.map({ ($0.key, $0.value) }), let source = value.scalar?.string else {
                break
            }
            let read: Result<Secret, SecretSource.Failure>
            switch key.scalar?.string {
            case "file": read = secrets.file(source)
            case "env": read = secrets.variable(source)
            default:
                report(key, "\"\(path)\" comes from a file or from the environment", remedy: remedy)
                return nil
            }
            switch read {
            case .success(let secret): return .secret(secret)
            case .failure(let failure):
                report(value, "\"\(path)\": \(failure.problem)", remedy: failure.remedy)
                return nil
            }
        default: break
        }
        report(node, "\"\(path)\" is not a secret", remedy: remedy)
        return nil
    }
}

/// Text from the file as a message may show it: control characters replaced, at most 64 characters.
func printable(_ text: String) -> String {
    let shown = text.unicodeScalars.prefix(64).map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }
    return String(String.UnicodeScalarView(shown)) + (text.unicodeScalars.count > 64 ? "..." : "")
}

private func hasControls(_ text: String) -> Bool {
    text.unicodeScalars.contains { $0.properties.generalCategory == .control }
}

private func isWord(_ text: String) -> Bool {
    guard let first = text.utf8.first, text.utf8.count <= 32, first >= 0x61, first <= 0x7A else { return false }
    return text.utf8.allSatisfy { ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2D }
}
