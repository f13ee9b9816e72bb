// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

/// An XMPP server of a tenant who is no friend: it speaks XEP-0114 to the adapter, keeps all that it hears, and says what
/// a test wants.
final class HostileTenant: Sendable {
    private struct State {
        var heard: [UInt8] = []
        var link: Int32 = -1
        var links = 0
    }

    let port: UInt16
    private let listener: Int32
    private let state = Mutex(State())

    init() throws {
        port = try Ports.free()
        listener = try Loopback.listenEverywhere(port)
        Thread { [weak self, listener] in
            while true {
                let link = accept(listener, nil, nil)
                guard link >= 0 else { return }
                guard let self else {
                    close(link)
                    return
                }
                state.withLock {
                    $0.link = link
                    $0.links += 1
                }
                serve(link)
                state.withLock { $0.link = -1 }
                close(link)
            }
        }.start()
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// All that came so far.
    var heard: [UInt8] { state.withLock { $0.heard } }
    /// How many links there were.
    var links: Int { state.withLock { $0.links } }

    func say(_ octets: [UInt8]) {
        let link = state.withLock { $0.link }
        var rest = octets[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(link, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    private func serve(_ link: Int32) {
        var own: [UInt8] = []
        var hasGreeted = false
        var isTaken = false
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(link, &chunk, chunk.count, 0)
            guard count > 0 else { return }
            own += chunk[..<count]
            state.withLock { $0.heard += chunk[..<count] }
            let text = String(decoding: own, as: UTF8.self)
            if !hasGreeted, text.contains("jabber:component:accept") {
                hasGreeted = true
                let header =
                    "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams'"
                    + " xmlns='jabber:component:accept' from='imx.t.example' id='3BF96D32'>"
                say(Array(header.utf8))
            }
            if !isTaken, text.contains("</handshake>") {
                isTaken = true
                say(Array("<handshake/>".utf8))
            }
        }
    }
}
