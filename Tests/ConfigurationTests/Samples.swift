import EnvelopeModel

// SPDX-License-Identifier: Apache-2.0
@testable import Configuration

/// An adapter's keys that use every kind.
let officeSchema = SettingsSchema(
    word: "office",
    "A service made up for tests",
    keys: [
        SettingsKey("server", .endpoint, .required, example: "127.0.0.1:5347", "Where the service listens"),
        SettingsKey("secret", .secret, .required, example: "{ env: OFFICE_SECRET }", "What proves who we are"),
        SettingsKey("form", .choice(["native", "escaped"]), .defaultsTo("native"), "How foreign people are written"),
        SettingsKey("greeting", .text, .optional, example: "hello: there", "What it says first"),
        SettingsKey("administrator", .address, .optional, "Who is told"),
        SettingsKey("strict", .flag, .defaultsTo("true"), "Whether it is strict"),
        SettingsKey("window", .integer(1...100), .defaultsTo("50"), "How much at once"),
        SettingsKey("pause", .duration(.milliseconds(10) ... .seconds(60)), .defaultsTo("500ms"), "How long it rests"),
        SettingsKey(
            "users",
            .table(
                names: .text,
                values: .section([
                    SettingsKey("reply", .text, .optional, example: "I heard you", "What the user answers")
                ]),
                example: "bob: { reply: hi }"
            ),
            .defaultsTo("{}"),
            "Who is there"
        ),
    ]
)

let stubSchema = SettingsSchema(word: "stub", "Users in memory", keys: [])

/// A configuration with nothing wrong in it.
let good = """
    name: north
    state-directory: /tmp/north
    listen: [ "127.0.0.1:5290", "[::1]:5290" ]
    limits: { lanes: 7, record-size: 1MiB }
    timeouts:
      idle: 90s
    peers:
      B.example: [ "127.0.0.1:5291", "front.b.example:5290" ]
    classes:
      default: { max-message: 32KiB }
      slow: { deadline: 2m }
    adapters:
      demo: { kind: stub }
      desk:
        kind: office
        server: 127.0.0.1:5347
        secret: sesame
        users: { bob: { reply: hi }, "carol d": {} }
    domains:
      a.example: { adapter: demo }
      C.Example.: { adapter: desk, class: slow }
    log: { level: debug, format: json }
    """

/// What is wrong with `text`, one line each, without remedies.
func problems(_ text: some StringProtocol) -> [String] {
    do {
        _ = try AggregatorConfiguration.parse(String(text), file: "f", adapters: [stubSchema, officeSchema])
        return []
    } catch let error as ConfigurationError {
        return error.problems.map { "\($0.position) \($0.problem) | \($0.remedy)" }
    } catch {
        return ["\(error)"]
    }
}
