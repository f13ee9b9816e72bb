// SPDX-License-Identifier: Apache-2.0
import Foundation
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import imx

/// Answers what it is asked, after a while or at once.
private final class EchoHandler: ControlHandler {
    private let loop: any EventLoop
    private let delay: TimeAmount?

    init(loop: any EventLoop, delay: TimeAmount?) {
        self.loop = loop
        self.delay = delay
    }

    func handle(_ request: ControlRequest, answer: @escaping (ControlResponse) -> Void) {
        let response: ControlResponse =
            switch request {
            case .send(_, let to, let text, let language):
                .sent(
                    SendReport(
                        trace: "0f",
                        code: 2000,
                        text: text,
                        milliseconds: 1.5,
                        path: [.init(milliseconds: 0, place: language ?? "-", text: to)]
                    )
                )
            case .status: .refused("no status here")
            case .outcomes(let last, let trace):
                .outcomes([
                    OutcomeReport(time: "t", trace: trace ?? "-", from: "a", to: "b", code: UInt16(last), text: nil)
                ])
            case .reload: .reloaded(ReloadReport(changes: ["peers"]))
            case .trust, .forgetTrust: .refused("nothing is remembered")
            case .drain(_, let seconds): .drained(connections: Int(seconds))
            case .rules(let question):
                .rules(RuleReport(verdict: "ask", reason: question.action, isContact: false))
            case .subscriptions: .refused("no subscriptions here")
            case .attributes: .refused("no attributes here")
            }
        guard let delay else { return answer(response) }
        let bound = NIOLoopBound(answer, eventLoop: loop)
        loop.scheduleTask(in: delay) { bound.value(response) }
    }
}

@Suite(.onItsOwnThread) struct ControlTests {
    private let path = FileManager.default.temporaryDirectory.path + "/imx-\(UInt32.random(in: 0 ... .max)).sock"

    private func start(delay: TimeAmount? = nil) throws -> ControlServer {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let handler = try loop.submit {
            NIOLoopBound<any ControlHandler>(EchoHandler(loop: loop, delay: delay), eventLoop: loop)
        }.wait()
        return try ControlServer.start(path: path, on: loop, handler: handler)
    }

    @Test("Commands: what is asked over the socket is answered, now or later", arguments: [nil, 20] as [Int64?])
    func roundTrip(delay: Int64?) throws {
        let server = try start(delay: delay.map { .milliseconds($0) })
        defer { server.stop() }
        let client = try ControlClient(path: path)
        let text = "line\nbreak \"quoted\" ü\u{1F600}\u{0}"
        let response = try client.ask(.send(from: "a@a", to: "b@b", text: text, language: "en"), within: 60)
        guard case .sent(let report) = response else {
            Issue.record("\(response)")
            return
        }
        #expect(report.text == text && report.path == [.init(milliseconds: 0, place: "en", text: "b@b")])
        // One connection serves many requests.
        #expect(try client.ask(.status, within: 60) == .refused("no status here"))
        guard case .outcomes(let outcomes) = try client.ask(.outcomes(last: 7, trace: nil), within: 60) else {
            Issue.record("no outcomes")
            return
        }
        #expect(outcomes.first?.code == 7)
    }

    @Test("S54: the socket belongs to this program's user alone, and only one aggregator has it")
    func exclusive() throws {
        let server = try start()
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let second = try #require(throws: ControlServer.Failure.self) { try start() }
        #expect(second.description.contains("another aggregator already answers at \(path)"))
        server.stop()
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(throws: ControlClient.Failure.notRunning) { _ = try ControlClient(path: path) }
    }

    @Test("Commands: a socket that a killed aggregator left behind is replaced")
    func leftBehind() throws {
        var address = try #require(sockaddr_un(path: path))
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        close(descriptor)
        let server = try start()
        defer { server.stop() }
        #expect(throws: Never.self) { _ = try ControlClient(path: path) }
    }

    @Test("S54: junk, floods of empty lines and endless lines harm nobody")
    func junk() throws {
        let server = try start()
        defer { server.stop() }
        for octets in [
            Data("{}\nnull\n\n".utf8), Data(repeating: 0x0A, count: 300_000), Data(repeating: 0x7B, count: 2_000_000),
        ] {
            var address = try #require(sockaddr_un(path: path))
            let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            let connected = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            #expect(connected == 0)
            _ = octets.withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
        }
        #expect(try ControlClient(path: path).ask(.status, within: 60) == .refused("no status here"))
    }

    @Test("Commands: no answer in time is told as such, because the message may have gone")
    func noAnswer() throws {
        let server = try start(delay: .hours(1))
        defer { server.stop() }
        #expect(throws: ControlClient.Failure.noAnswer("no answer within 1 s")) {
            _ = try ControlClient(path: path).ask(.status, within: 1)
        }
    }

    @Test("Commands: a path that no socket can have is refused")
    func longPath() {
        #expect(throws: ControlClient.Failure.other("the path is too long for a socket")) {
            _ = try ControlClient(path: "/" + String(repeating: "x", count: 107))
        }
    }
}
