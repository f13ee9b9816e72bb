// SPDX-License-Identifier: Apache-2.0

/// Writes the example configuration: every key with its meaning, what it takes and its default.
package struct ExampleFile {
    private var lines: [String] = []

    /// The example file for the aggregator and the given adapters.
    package static func text(adapters: [SettingsSchema]) -> String {
        var file = ExampleFile()
        file.lines = [
            "# Every key of the configuration, with its meaning and its default. Written by: imx config keys",
            "# Keys that are commented out have no default. To try a file: imx config check FILE",
        ]
        for key in AggregatorKeys.all { file.write(key, indent: 0, adapters: adapters) }
        return file.lines.joined(separator: "\n") + "\n"
    }

    /// The example section of one adapter, named `name`, as it stands under `adapters:`.
    package static func text(adapter: SettingsSchema, name: String) -> String {
        var file = ExampleFile()
        file.write(adapter, name: name, indent: 0)
        return file.lines.joined(separator: "\n") + "\n"
    }

    private mutating func write(_ key: SettingsKey, indent: Int, adapters: [SettingsSchema]) {
        if indent == 0 { lines.append("") }
        comment("\(key.summary).", indent)
        switch key.kind {
        case .section(let keys):
            add("\(key.name):", indent)
            for inner in keys { write(inner, indent: indent + 2, adapters: adapters) }
        case .table(_, .variant, _):
            add("\(key.name):", indent)
            for adapter in adapters { write(adapter, name: adapter.word, indent: indent + 2) }
        case .table(_, .section(let keys), let example):
            add("\(key.name):", indent)
            add(String(example.prefix { $0 != ":" }) + ":", indent + 2)
            for inner in keys { write(inner, indent: indent + 4, adapters: adapters) }
        case .reference where key.presence == .required:
            comment("Takes \(key.kind.expectation); required.", indent)
            add("\(key.name): \(adapters.first?.word ?? value(key))", indent)
        case .table(_, _, let example):
            let off = key.presence == .optional ? "# " : ""
            add("\(off)\(key.name):", indent)
            for line in example.split(separator: "\n") { add("\(off)  \(line)", indent) }
        case .list(.section(let keys), _):
            comment("Takes \(key.kind.expectation); \(presence(key)).", indent)
            for inner in keys {
                comment("  \(inner.name): \(inner.summary).", indent)
                comment("    Takes \(inner.kind.expectation); \(presence(inner)).", indent)
            }
            comment("For example: \(key.name): \(key.sample)", indent)
            add("\(key.name): \(value(key))", indent)
        default:
            comment("Takes \(key.kind.expectation); \(presence(key)).", indent)
            add((key.presence == .optional ? "# " : "") + "\(key.name): \(value(key).yamlScalar)", indent)
        }
    }

    private mutating func write(_ adapter: SettingsSchema, name: String, indent: Int) {
        comment("\(adapter.summary).", indent)
        add("\(name):", indent)
        add("kind: \(adapter.word)", indent + 2)
        for key in adapter.keys { write(key, indent: indent + 2, adapters: []) }
    }

    private func presence(_ key: SettingsKey) -> String {
        switch key.presence {
        case .required: "required"
        case .optional: "optional"
        case .defaultsTo(let text): "default \(text)"
        }
    }

    private func value(_ key: SettingsKey) -> String {
        if case .defaultsTo(let text) = key.presence { return text }
        return key.sample
    }

    private mutating func comment(_ text: String, _ indent: Int) { add("# " + text, indent) }

    private mutating func add(_ text: String, _ indent: Int) {
        lines.append(String(repeating: " ", count: indent) + text)
    }
}
