// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Foundation
import Logging
import Testing

@testable import Telemetry

@Suite struct TelemetryTests {
    private func lines(
        _ form: LineLogHandler.Form,
        level: Logger.Level = .info,
        _ body: (inout Logger) -> Void
    ) throws -> String {
        let pipe = Pipe()
        let sink = LogSink(descriptor: pipe.fileHandleForWriting.fileDescriptor)
        var logger = Logger(label: "test") { _ in
            LineLogHandler(sink: sink, form: form, level: LevelSwitch(level)) {
                WallTime(milliseconds: 951_782_400_000)
            }
        }
        body(&logger)
        sink.flush()
        try pipe.fileHandleForWriting.close()
        return String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    }

    @Test("Telemetry: a line of text has the time, the severity, the trace and the rest in order")
    func textLine() throws {
        let text = try lines(.text) { logger in
            logger[metadataKey: LogKey.adapter] = "office"
            logger.debug("not shown")
            logger.info(
                "not delivered",
                metadata: [LogKey.trace: "0f", LogKey.reason: "no such user", LogKey.outcome: "5003", "empty": ""]
            )
            logger.warning("plain")
        }
        #expect(
            text == """
                2000-02-29T00:00:00.000Z info    0f not delivered adapter=office outcome=5003 reason="no such user"
                2000-02-29T00:00:00.000Z warning plain adapter=office

                """
        )
    }

    @Test("Telemetry: a line of JSON can be read back, whatever a peer supplied")
    func jsonLine() throws {
        let evil = "a\"b\\c\nd\u{1B}[31m\u{202E}\u{2028}ü\u{1F600}\u{0}"
        let text = try lines(.json) { $0.info("m", metadata: [LogKey.reason: "\(evil)", LogKey.trace: "0f"]) }
        #expect(text.filter { $0 == "\n" }.count == 1)
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: String]
        #expect(
            object == [
                "time": "2000-02-29T00:00:00.000Z", "level": "info", "trace": "0f", "message": "m", "reason": evil,
            ]
        )
    }

    @Test("Telemetry: nothing that a peer supplied ends a line or steers a terminal")
    func hostileText() throws {
        let text = try lines(.text) { logger in
            logger.info(
                "a\nb",
                metadata: [LogKey.reason: "x\r\n2000 info forged", "k=\n": "v\u{9B}\u{202E}", LogKey.trace: "t\n"]
            )
        }
        #expect(text.utf8.filter { $0 < 0x20 } == [0x0A])
        #expect(text.hasSuffix("t\\n a\\nb k=\\n=v\\u009b\\u202e reason=\"x\\u000d\\n2000 info forged\"\n"))
        #expect(!text.unicodeScalars.contains { $0.value == 0x202E || $0.value == 0x9B })
    }

    @Test(
        "S43: no control or format character of any plane gets into a log line",
        arguments: [LineLogHandler.Form.text, .json]
    )
    func unseen(form: LineLogHandler.Form) throws {
        let hostile = "\u{7F}\u{85}\u{AD}\u{200B}\u{2060}\u{E0041}\u{180E}\u{FFF9}\u{1D173}"
        let text = try lines(form) { $0.info("\(hostile)", metadata: [LogKey.reason: "\(hostile)"]) }
        let bad = text.unicodeScalars.filter {
            $0 != "\n" && [.control, .format].contains($0.properties.generalCategory)
        }
        #expect(bad.isEmpty, "\(text.debugDescription)")
        #expect(text.contains("\\udb40\\udc41"))
    }

    @Test("Telemetry: a log that nobody reads is dropped and counted, and never stops the writer")
    func fullPipe() throws {
        let pipe = Pipe()
        let sink = LogSink(descriptor: pipe.fileHandleForWriting.fileDescriptor, limit: 4096)
        let line = Array((String(repeating: "x", count: 99) + "\n").utf8)
        for _ in 0..<5000 { sink.write(line) }
        // A thread of its own: the test's pool may be busy with tests that wait for real servers.
        let semaphore = DispatchSemaphore(value: 0)
        nonisolated(unsafe) var text = ""
        Thread.detachNewThread {
            text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            semaphore.signal()
        }
        sink.flush()
        try pipe.fileHandleForWriting.close()
        #expect(semaphore.wait(timeout: .now() + 30) == .success)
        let dropped = text.split(separator: "\n").compactMap { line in
            line.contains("log lines were dropped") ? Int(line.prefix { $0.isNumber }) : nil
        }
        #expect(!dropped.isEmpty)
        #expect(dropped.reduce(0, +) + text.split(separator: "\n").filter { $0.first == "x" }.count == 5000)
    }

    @Test("Telemetry: numbers are written in the text format of Prometheus, each metric explained once")
    func metrics() {
        var text = MetricsText()
        text.add(.outcomes, 2, ["code": "5003"])
        text.add(.waiting, 7)
        text.add(.outcomes, 1, ["code": "a\"b\\c\nd", "x": "y"])
        #expect(
            text.text == """
                # HELP imx_envelopes_waiting Envelopes without an outcome.
                # TYPE imx_envelopes_waiting gauge
                imx_envelopes_waiting 7
                # HELP imx_outcomes_total Outcomes given, by code.
                # TYPE imx_outcomes_total counter
                imx_outcomes_total{code="5003"} 2
                imx_outcomes_total{code="a\\"b\\\\c\\nd",x="y"} 1

                """
        )
        for metric in Metric.allCases {
            #expect(metric.rawValue.hasPrefix("imx_") && metric.rawValue.allSatisfy { $0.isLowercase || $0 == "_" })
        }
    }
}
