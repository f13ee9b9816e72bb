// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Foundation
import Store
import Testing

@Suite("The repeat window")
struct RepeatWindowTests {
    private let now = Instant(nanoseconds: 5_000_000_000)

    private func message(_ id: String, from source: String = "ann@a.example") throws -> Envelope {
        Envelope(
            source: try #require(Address(source)),
            destination: try #require(Address("bob@b.example")),
            messageID: try #require(MessageID(id)),
            trace: TraceID(high: 0, low: 0)
        )
    }

    private func slot(_ verdict: RepeatWindow.Verdict) throws -> RepeatWindow.Slot {
        guard case .new(let slot) = verdict else {
            Issue.record("seen before: \(verdict)")
            throw CancellationError()
        }
        return slot
    }

    @Test("RFC2779 5.4.2: a message is new once, then pending, then what it ended as")
    func life() throws {
        let window = try RepeatWindow(path: nil, capacity: 1024, now: now)
        let slot = try slot(window.admit(message("1"), now: now))
        #expect(try window.admit(message("1"), now: now) == .pending)
        window.settle(slot, .delivered, disposition: .delivered)
        #expect(try window.admit(message("1"), now: now) == .settled(.delivered))
        _ = try self.slot(window.admit(message("1", from: "amy@a.example"), now: now))
    }

    @Test("I.1.3: what certainly was not delivered may come again", arguments: [Disposition.failed, .expired])
    func forgets(_ disposition: Disposition) throws {
        let window = try RepeatWindow(path: nil, capacity: 1024, now: now)
        window.settle(try slot(window.admit(message("1"), now: now)), .unavailable, disposition: disposition)
        _ = try slot(window.admit(message("1"), now: now))
    }

    @Test("I.1.3: a message is remembered for the whole window and no longer")
    func expiry() throws {
        let window = try RepeatWindow(path: nil, capacity: 1024, window: .seconds(600), now: now)
        window.settle(try slot(window.admit(message("1"), now: now)), .uncertain, disposition: .uncertain)
        #expect(try window.admit(message("1"), now: now + .seconds(599)) == .settled(.uncertain))
        _ = try slot(window.admit(message("1"), now: now + .seconds(601)))
    }

    @Test("RFC2779 5.4.2: the window outlives the process, settled or not")
    func restart() throws {
        let path = NSTemporaryDirectory() + "repeat-window-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        do {
            let window = try RepeatWindow(path: path, capacity: 1024, now: now)
            #expect(!window.isInherited)
            window.settle(try slot(window.admit(message("1"), now: now)), .delivered, disposition: .delivered)
            _ = window.admit(try message("2"), now: now)
            #expect(throws: RepeatWindow.OpenError.self) {
                try RepeatWindow(path: path, capacity: 1024, now: now)
            }
        }
        let window = try RepeatWindow(path: path, capacity: 1024, now: now)
        #expect(window.isInherited)
        #expect(try window.admit(message("1"), now: now) == .settled(.delivered))
        #expect(try window.admit(message("2"), now: now) == .pending)
        _ = try slot(window.admit(message("3"), now: now))
    }

    @Test("RFC2779 5.4.2: an entry that the process before made a second ahead of the present is still a repeat")
    func ahead() throws {
        let path = NSTemporaryDirectory() + "repeat-window-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        do {
            let window = try RepeatWindow(path: path, capacity: 1024, now: now)
            _ = try slot(window.admit(message("1"), now: now + .seconds(2)))
        }
        let window = try RepeatWindow(path: path, capacity: 1024, now: now)
        #expect(try window.admit(message("1"), now: now) == .pending)
        #expect(try window.find(message("1"), now: now) == .pending)
    }

    @Test("bounds: a full window gives up its oldest entries and counts them")
    func overflow() throws {
        let window = try RepeatWindow(path: nil, capacity: 1024, now: now)
        for number in 0..<10_000 { _ = window.admit(try message("\(number)"), now: now) }
        #expect(window.lostEntries > 8000 && window.lostEntries < 10_000)
    }

    @Test("bounds: a half-full window loses next to nothing")
    func halfFull() throws {
        let window = try RepeatWindow(path: nil, capacity: 1 << 16, now: now)
        for number in 0..<(1 << 15) { _ = window.admit(try message("\(number)"), now: now) }
        #expect(window.lostEntries < 800)
    }

    @Test("a window that cannot be opened says why")
    func unopenable() {
        #expect(throws: RepeatWindow.OpenError.self) {
            try RepeatWindow(path: "/nonexistent/directory/window", now: now)
        }
    }
}
