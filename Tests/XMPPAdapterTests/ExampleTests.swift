// SPDX-License-Identifier: Apache-2.0
import Configuration
import EnvelopeModel
import Foundation
import Testing

@testable import XMPPAdapter

@Suite("The XMPP adapter's configuration")
struct ExampleTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Adapters/XMPP")

    private func settings(_ yaml: String) throws -> XMPPSettings {
        let configuration = try AggregatorConfiguration.parse(
            "name: north\n" + yaml.replacing("file: xmpp.secret", with: "env: SECRET"),
            file: "imx.yaml",
            adapters: [XMPPSettings.schema],
            environment: { $0 == "SECRET" ? "s3cret" : nil }
        )
        let section = try #require(configuration.adapters.first)
        #expect(section.kind == "xmpp")
        #expect(configuration.domains.map(\.domain.name) == ["a.example"])
        return try XMPPSettings(section.settings)
    }

    @Test("IMX configuration: the example file and the README's lines are right")
    func example() throws {
        let example = try String(contentsOf: Self.folder.appending(path: "xmpp.example.yaml"), encoding: .utf8)
        let readme = try String(contentsOf: Self.folder.appending(path: "README.md"), encoding: .utf8)
        let block = try #require(readme.split(separator: "```yaml\n").dropFirst().first?.split(separator: "```").first)
        for yaml in [example, String(block)] {
            let settings = try settings(yaml)
            #expect(settings.server == Endpoint(host: "127.0.0.1", port: 5_347))
            #expect(settings.component == domain("imx.a.example"))
            #expect(settings.secret.reveal() == "s3cret")
            #expect(settings.form == .native)
        }
    }

    @Test(
        "IMX configuration: a value out of bounds is an error",
        arguments: ["window: 0", "form: other", "reconnect: 1", "windows: 5"]
    )
    func wrong(_ line: String) {
        #expect(throws: (any Error).self) {
            try settings(
                """
                adapters:
                  office: { kind: xmpp, server: "127.0.0.1:1", component: imx.a.example, secret: { env: SECRET }, \(line) }
                domains:
                  a.example: { adapter: office }
                """
            )
        }
    }

    @Test("IMX configuration: every default is the setting's own")
    func defaults() throws {
        let read = try settings(
            """
            adapters:
              office: { kind: xmpp, server: "127.0.0.1:1", component: imx.a.example, secret: { env: SECRET } }
            domains:
              a.example: { adapter: office }
            """
        )
        let made = XMPPSettings(server: read.server, component: read.component, secret: read.secret)
        #expect(read.form == made.form && read.window == made.window && read.reconnect == made.reconnect)
        #expect(
            read.reconnectMost == made.reconnectMost && read.keepAlive == made.keepAlive
                && read.patience == made.patience
        )
    }
}
