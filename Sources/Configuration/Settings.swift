// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

/// A checked section of a configuration: every value is of its kind and within its bounds, defaults are filled in.
public struct Settings: Sendable {
    /// Where the section is.
    public let position: SettingsPosition
    /// The section's path, such as `adapters.office`; empty for the whole file.
    public let path: String
    var entries: [String: SettingsValue]

    /// Whether the file or a default gives a value for `name`.
    public func has(_ name: String) -> Bool { entries[name] != nil }

    /// A problem with the value of `name`, for checks that go beyond one value; thrown in a ``ConfigurationError``.
    public func problem(at name: String, _ problem: String, remedy: String) -> ConfigurationProblem {
        ConfigurationProblem(entries[name]?.position ?? position, problem, remedy: remedy)
    }

    /// The text, word, choice or path of `name`.
    public func text(_ name: String) throws(SettingsMisuse) -> String {
        guard case .text(let text) = try value(name) else { throw misuse(name, "text") }
        return text
    }

    /// The number of `name`: an integer, or octets.
    public func integer(_ name: String) throws(SettingsMisuse) -> Int {
        guard case .integer(let integer) = try value(name) else { throw misuse(name, "integer") }
        return integer
    }

    /// The truth of `name`.
    public func flag(_ name: String) throws(SettingsMisuse) -> Bool {
        guard case .flag(let flag) = try value(name) else { throw misuse(name, "flag") }
        return flag
    }

    /// The length of time of `name`.
    public func duration(_ name: String) throws(SettingsMisuse) -> Interval {
        guard case .duration(let interval) = try value(name) else { throw misuse(name, "duration") }
        return interval
    }

    /// The domain of `name`.
    public func domain(_ name: String) throws(SettingsMisuse) -> Domain {
        guard case .domain(let domain) = try value(name) else { throw misuse(name, "domain") }
        return domain
    }

    /// The address of `name`.
    public func address(_ name: String) throws(SettingsMisuse) -> Address {
        guard case .address(let address) = try value(name) else { throw misuse(name, "address") }
        return address
    }

    /// The endpoint of `name`.
    public func endpoint(_ name: String) throws(SettingsMisuse) -> Endpoint {
        guard case .endpoint(let endpoint) = try value(name) else { throw misuse(name, "endpoint") }
        return endpoint
    }

    /// The secret of `name`.
    public func secret(_ name: String) throws(SettingsMisuse) -> Secret {
        guard case .secret(let secret) = try value(name) else { throw misuse(name, "secret") }
        return secret
    }

    /// The section `name`.
    public func section(_ name: String) throws(SettingsMisuse) -> Settings {
        guard case .section(let settings) = try value(name) else { throw misuse(name, "section") }
        return settings
    }

    /// The values of the list `name`, each as a section of its own with the one key `value`.
    public func list(_ name: String) throws(SettingsMisuse) -> [Settings] {
        guard case .list(let items) = try value(name) else { throw misuse(name, "list") }
        return items.enumerated().map { index, item in
            if case .section(let settings) = item.content { return settings }
            return Settings(position: item.position, path: "\(join(name))[\(index)]", entries: ["value": item])
        }
    }

    /// The named entries of the table `name` in the order of the file. An entry that is no section stands in a section
    /// of its own under the one key `value`.
    public func table(_ name: String) throws(SettingsMisuse) -> [(name: String, settings: Settings)] {
        guard case .table(let rows, _) = try value(name) else { throw misuse(name, "table") }
        return rows.map { row in
            if case .section(let settings) = row.value.content { return (row.name, settings) }
            let path = "\(join(name)).\(row.name)"
            return (row.name, Settings(position: row.value.position, path: path, entries: ["value": row.value]))
        }
    }

    /// The names in the table `name`, those of wrong entries too; nil where there is no such table.
    func names(_ name: String) -> [String]? {
        guard case .table(let rows, let broken) = entries[name]?.content else { return nil }
        return rows.map(\.name) + broken
    }

    private func value(_ name: String) throws(SettingsMisuse) -> SettingsValue.Content {
        guard let value = entries[name] else { throw misuse(name, "present") }
        return value.content
    }

    private func join(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    private func misuse(_ name: String, _ kind: String) -> SettingsMisuse {
        SettingsMisuse(path: join(name), expected: kind)
    }
}

/// The program asked for a key that it did not declare so, or for an optional one without looking first.
///
/// It is the program's mistake and never the file's; a file's mistakes are found before.
public struct SettingsMisuse: Error, Sendable, CustomStringConvertible {
    /// The key that was asked for.
    public let path: String
    /// What it was taken for.
    public let expected: String

    /// The mistake in one line.
    public var description: String { "the key \(path) is not declared as \(expected)" }
}

/// A checked value and where it stands.
struct SettingsValue: Sendable {
    enum Content: Sendable {
        case text(String)
        case integer(Int)
        case flag(Bool)
        case duration(Interval)
        case domain(Domain)
        case address(Address)
        case endpoint(Endpoint)
        case secret(Secret)
        case list([SettingsValue])
        case section(Settings)
        /// Rows in the order of the file, and the names of those that were wrong.
        case table([(name: String, value: SettingsValue)], broken: [String])
    }

    var position: SettingsPosition
    var content: Content
}
