import EnvelopeModel
import Testing

// SPDX-License-Identifier: Apache-2.0
@testable import Configuration

/// Every key of a list with its path, sections entered.
func flattened(_ keys: [SettingsKey], _ path: String = "") -> [(path: String, key: SettingsKey)] {
    keys.flatMap { key -> [(path: String, key: SettingsKey)] in
        let here = path + key.name
        let inner: [SettingsKey] =
            switch key.kind {
            case .section(let keys), .table(_, .section(let keys), _): keys
            default: []
            }
        return [(here, key)] + flattened(inner, here + ".")
    }
}

@Suite struct KeyListTests {
    static let all = flattened(AggregatorKeys.all) + flattened(officeSchema.keys, "office.")

    @Test("Configuration: every default is right by the rules of its own key", arguments: all.map(\.path))
    func defaultsAreRight(path: String) throws {
        let key = try #require(Self.all.first { $0.path == path }?.key)
        guard case .defaultsTo(let text) = key.presence else { return }
        let settings = try Settings.parse("\(key.name): \(text)", keys: [key])
        #expect(settings.has(key.name))
        #expect(try Settings.parse("", keys: [key]).has(key.name))
    }

    @Test(
        "IMX configuration: every key has a line that explains it and a name in the common form",
        arguments: all.map(\.path)
    )
    func keysAreExplained(path: String) throws {
        let key = try #require(Self.all.first { $0.path == path }?.key)
        #expect(key.summary.count > 5 && key.summary.first?.isUppercase == true && key.summary.last != ".")
        #expect(key.name.allSatisfy { $0.isLowercase || $0 == "-" })
    }

    @Test("IMX configuration: the example file holds every key and has nothing wrong in it")
    func exampleIsRight() throws {
        let text = ExampleFile.text(adapters: [stubSchema, officeSchema])
        for (path, key) in flattened(AggregatorKeys.all) {
            #expect(text.contains("\n") && text.contains("\(key.name):"), "\(path) is missing")
        }
        let it = try AggregatorConfiguration.parse(text, adapters: [stubSchema, officeSchema]) { name in
            name == "OFFICE_SECRET" ? "x" : nil
        }
        #expect(it.adapters.map(\.kind) == ["stub", "office"])
        // With the optional keys switched on it is right as well.
        let on = text.replacing("# greeting:", with: "greeting:").replacing(
            "# control-socket:",
            with: "control-socket:"
        )
        let second = try AggregatorConfiguration.parse(on, adapters: [stubSchema, officeSchema]) { _ in "x" }
        #expect(second.controlSocket == "/run/imx/control.sock")
        #expect(try second.adapters[1].settings.text("greeting") == "hello: there")
    }
}
