// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Yams

/// Checks a tree against a list of keys and gathers everything that is wrong, not only the first.
struct SettingsReader {
    /// The file as named in messages.
    let file: String
    /// The adapters that `kind` may name.
    let schemas: [SettingsSchema]
    /// Where secrets come from.
    let secrets: SecretSource
    /// What is wrong so far.
    private(set) var problems: [ConfigurationProblem] = []
    /// Where each key of the whole file belongs, for keys in a wrong section.
    private var homes: [String: [String]] = [:]

    init(file: String, keys: [SettingsKey], schemas: [SettingsSchema], secrets: SecretSource) {
        self.file = file
        self.schemas = schemas
        self.secrets = secrets
        gatherHomes(keys, path: "")
    }

    private mutating func gatherHomes(_ keys: [SettingsKey], path: String) {
        for key in keys {
            homes[key.name, default: []].append(path)
            if case .section(let inner) = key.kind { gatherHomes(inner, path: child(path, key.name)) }
        }
    }

    /// Reads a section. Values that are wrong are reported and left out.
    mutating func section(
        _ node: Node,
        keys: [SettingsKey],
        path: String,
        ignoring isIgnored: (String) -> Bool = { _ in false }
    ) -> Settings? {
        guard case .mapping(let mapping) = resolved(node) else {
            let wanted = path.isEmpty ? "the file" : "\"\(path)\""
            report(
                node,
                "\(wanted) is \(described(node)), not a section of keys",
                remedy: "write the keys below it, indented, for example: " + (keys.first.map { line($0) } ?? "")
            )
            return nil
        }
        var settings = Settings(position: position(node), path: path, entries: [:])
        var seen: Set<String> = []
        for (keyNode, value) in mapping {
            guard let name = keyNode.scalar?.string else {
                report(keyNode, "a key must be a word", remedy: "for example: " + (keys.first.map { line($0) } ?? ""))
                continue
            }
            guard let key = keys.first(where: { $0.name == name }) else {
                if !isIgnored(name), !name.hasPrefix(YAMLSource.repeatedPrefix) {
                    // A key that was meant but misspelt is not reported as lacking as well.
                    if let meant = reportUnknown(keyNode, name, keys: keys, path: path) { seen.insert(meant) }
                }
                continue
            }
            seen.insert(name)
            if let value = self.value(value, of: key, path: child(path, name), keyNode: keyNode) {
                settings.entries[name] = value
            }
        }
        fillIn(&settings, keys: keys.filter { !seen.contains($0.name) }, path: path)
        return settings
    }

    private mutating func fillIn(_ settings: inout Settings, keys: [SettingsKey], path: String) {
        for key in keys {
            switch key.presence {
            case .optional: continue
            case .required:
                let place = path.isEmpty ? "the file" : "\"\(path)\""
                problems.append(
                    ConfigurationProblem(
                        settings.position,
                        "\(place) lacks \"\(key.name)\": \(key.summary)",
                        remedy: "add \(key.kind.expectation), for example: \(line(key))"
                    )
                )
            case .defaultsTo(let text):
                guard let node = YAMLSource(text, file: file).root else { continue }
                let before = problems.count
                if var value = self.value(node, of: key, path: child(path, key.name), keyNode: node) {
                    value.position = settings.position
                    settings.entries[key.name] = value
                }
                // A default that is wrong is found by the test of the list; an operator must not be shown it.
                problems.removeLast(problems.count - before)
            }
        }
    }

    private mutating func value(_ node: Node, of key: SettingsKey, path: String, keyNode: Node) -> SettingsValue? {
        if case .scalar(let scalar) = node, scalar.style == .plain, ["", "~", "null"].contains(scalar.string) {
            report(
                keyNode,
                "\"\(path)\" has no value",
                remedy: "give it \(key.kind.expectation), for example: \(line(key)); or remove the line"
            )
            return nil
        }
        return value(node, kind: key.kind, path: path, sample: key.sample)
    }

    mutating func value(_ node: Node, kind: SettingsKind, path: String, sample: String) -> SettingsValue? {
        let content: SettingsValue.Content?
        switch kind {
        case .list(let kind, let count): content = list(node, of: kind, count: count, path: path, sample: sample)
        case .section(let keys): content = section(node, keys: keys, path: path).map { .section($0) }
        case .table(let names, let values, let example):
            content = table(node, names: names, values: values, path: path, sample: example)
        case .variant: content = variant(node, path: path).map { .section($0) }
        case .secret: content = secret(node, path: path)
        default: content = scalar(node, kind: kind, path: path, sample: sample)
        }
        return content.map { SettingsValue(position: position(node), content: $0) }
    }

    // MARK: Messages

    mutating func report(_ node: Node, _ problem: String, remedy: String) {
        problems.append(ConfigurationProblem(position(node), problem, remedy: remedy))
    }

    private mutating func reportUnknown(
        _ node: Node,
        _ name: String,
        keys: [SettingsKey],
        path: String
    ) -> String? {
        let place = path.isEmpty ? "the file" : "\"\(path)\""
        let problem = "\(place) has no key \"\(printable(name))\""
        if let near = nearest(to: name, among: keys.map(\.name)), let key = keys.first(where: { $0.name == near }) {
            report(node, problem, remedy: "did you mean \"\(near)\"? For example: \(line(key))")
            return near
        }
        if let home = homes[name]?.first {
            let there = home.isEmpty ? "at the top of the file" : "under \"\(home)\""
            report(node, problem, remedy: "\"\(name)\" belongs \(there)")
            return nil
        }
        let known = keys.map(\.name).joined(separator: ", ")
        report(node, problem, remedy: keys.isEmpty ? "remove it" : "the keys here are: \(known)")
        return nil
    }

    /// A line that would be right.
    func line(_ key: SettingsKey) -> String {
        if case .table(_, _, let example) = key.kind {
            return "\(key.name): { \(example.split(separator: "\n").joined(separator: ", ")) }"
        }
        return "\(key.name): \(key.sample.yamlScalar)"
    }

    func position(_ node: Node) -> SettingsPosition {
        SettingsPosition(file: file, line: node.mark?.line ?? 0, column: node.mark?.column ?? 0)
    }

    /// What a node is, for a message that says what it should have been. Never shows a value.
    func described(_ node: Node) -> String {
        switch node {
        case .scalar: "a single value"
        case .mapping: "a section"
        case .sequence: "a list"
        case .alias: "an alias"
        }
    }

    private func resolved(_ node: Node) -> Node {
        // A section whose every key has a default may stand empty.
        if case .scalar(let scalar) = node, scalar.string.isEmpty, scalar.style == .plain {
            return Node([] as [(Node, Node)])
        }
        return node
    }

    func child(_ path: String, _ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
}
