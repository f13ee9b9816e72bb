// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel
import Yams

extension Settings {
    /// Reads `text` against a list of keys, for an adapter's own tests and tools. Secrets may stand in it.
    ///
    /// - Throws: ``ConfigurationError`` with everything that is wrong.
    public static func parse(
        _ text: String,
        file: String = "settings",
        keys: [SettingsKey],
        environment: @escaping @Sendable (String) -> String? = { _ in nil }
    ) throws -> Settings {
        let secrets = SecretSource(directory: "", fileIsWorldReadable: false, environment: environment)
        let (settings, problems) = check(text, file: file, keys: keys, schemas: [], secrets: secrets)
        guard problems.isEmpty, let settings else { throw ConfigurationError(problems) }
        return settings
    }

    /// Reads `text` and says everything that is wrong with it, beside what could be read nevertheless.
    static func check(
        _ text: String,
        file: String,
        keys: [SettingsKey],
        schemas: [SettingsSchema],
        secrets: SecretSource,
        ignoring isIgnored: (String) -> Bool = { _ in false }
    ) -> (settings: Settings?, problems: [ConfigurationProblem]) {
        let source = YAMLSource(text, file: file)
        guard let root = source.root ?? (source.problems.isEmpty ? Node([] as [(Node, Node)]) : nil) else {
            return (nil, source.problems)
        }
        var reader = SettingsReader(file: file, keys: keys, schemas: schemas, secrets: secrets)
        let settings = reader.section(root, keys: keys, path: "", ignoring: isIgnored)
        return (settings, source.problems + reader.problems)
    }

    /// The texts of the list `name`.
    public func texts(_ name: String) throws(SettingsMisuse) -> [String] {
        var texts: [String] = []
        for item in try list(name) { texts.append(try item.text("value")) }
        return texts
    }

    /// The endpoints of the list `name`.
    public func endpoints(_ name: String) throws(SettingsMisuse) -> [Endpoint] {
        var endpoints: [Endpoint] = []
        for item in try list(name) { endpoints.append(try item.endpoint("value")) }
        return endpoints
    }

    /// The domains of the list `name`.
    public func domains(_ name: String) throws(SettingsMisuse) -> [Domain] {
        var domains: [Domain] = []
        for item in try list(name) { domains.append(try item.domain("value")) }
        return domains
    }
}
