// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel
public import Logging

/// Writes each event as one line of text or of JSON.
///
///     2026-11-21T09:30:00.000Z info  4bf92f3577b34da6a3ce929d0e0e4736 not delivered adapter=office outcome=5003
///
/// What a peer supplied can neither end the line nor steer a terminal: control characters are escaped in both forms.
public struct LineLogHandler: LogHandler {
    /// The form of a line.
    public enum Form: Sendable, Hashable {
        /// For people.
        case text
        /// For programs.
        case json
    }

    /// The least severity that is written: this logger's own where one was set, else what the switch says.
    public var logLevel: Logger.Level {
        get { ownLevel ?? levelSwitch.level }
        set { ownLevel = newValue }
    }
    /// What every line of this logger carries.
    public var metadata: Logger.Metadata = [:]
    /// What gives further metadata, such as a tracer.
    public var metadataProvider: Logger.MetadataProvider?
    private var ownLevel: Logger.Level?
    private let levelSwitch: LevelSwitch
    private let form: Form
    private let sink: LogSink
    private let clock: @Sendable () -> WallTime

    /// Makes a handler that writes to `sink`.
    public init(
        sink: LogSink,
        form: Form = .text,
        level: LevelSwitch = LevelSwitch(.info),
        clock: @escaping @Sendable () -> WallTime = { WallTime.now }
    ) {
        self.sink = sink
        self.form = form
        levelSwitch = level
        self.clock = clock
    }

    /// One value of what every line carries.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one event.
    public func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { _, new in new } }
        if let own = event.metadata { all.merge(own) { _, new in new } }
        var line = LineWriter()
        let trace = all.removeValue(forKey: LogKey.trace).map { "\($0)" }
        let rest = all.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
        switch form {
        case .text: line.text(clock(), event.level, trace, "\(event.message)", rest)
        case .json: line.json(clock(), event.level, trace, "\(event.message)", rest)
        }
        sink.write(line.octets)
    }
}

/// Builds one line.
struct LineWriter {
    private(set) var octets: [UInt8] = []

    mutating func text(
        _ time: WallTime,
        _ level: Logger.Level,
        _ trace: String?,
        _ message: String,
        _ rest: [(String, String)]
    ) {
        append("\(time) ")
        append(level.rawValue)
        append(String(repeating: " ", count: max(1, 8 - level.rawValue.utf8.count)))
        if let trace {
            escape(trace)
            append(" ")
        }
        escape(message)
        for (key, value) in rest where !value.isEmpty {
            append(" ")
            escape(key)
            append("=")
            let isPlain = value.utf8.allSatisfy { $0 > 0x20 && $0 != 0x22 && $0 != 0x3D && $0 != 0x7F }
            if !isPlain { append("\"") }
            escape(value, quotes: !isPlain)
            if !isPlain { append("\"") }
        }
        append("\n")
    }

    mutating func json(
        _ time: WallTime,
        _ level: Logger.Level,
        _ trace: String?,
        _ message: String,
        _ rest: [(String, String)]
    ) {
        append("{\"time\":\"\(time)\",\"level\":\"\(level.rawValue)\"")
        for (key, value) in [("trace", trace), ("message", message)] + rest.map({ ($0.0, Optional($0.1)) }) {
            guard let value else { continue }
            append(",\"")
            escape(key, quotes: true)
            append("\":\"")
            escape(value, quotes: true)
            append("\"")
        }
        append("}\n")
    }

    private mutating func append(_ text: String) { octets += text.utf8 }

    /// Appends `text` with everything escaped that could end the line, steer a terminal, or turn the reading order.
    /// The escapes are those of JSON, so that one reader suits both forms.
    private mutating func escape(_ text: String, quotes: Bool = false) {
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22 where quotes: append("\\\"")
            case 0x5C: append("\\\\")
            case 0x0A: append("\\n")
            case 0x20...0x7E: octets.append(UInt8(scalar.value))
            case _ where scalar.isUnseen:
                for unit in String(Character(scalar)).utf16 {
                    let digits = String(unit, radix: 16)
                    append("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
                }
            default: octets += String(Character(scalar)).utf8
            }
        }
    }
}
