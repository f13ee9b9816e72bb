// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import EnvelopeModel
import NIOCore
import XMLStream

/// What Alice's clients do and hear of presence.
extension ServerSubject {
    /// The device that is there from the start.
    static var firstDevice: String { "desk" }

    func act(_ deed: PresenceDeed) async throws {
        switch deed {
        case .watches(_, let other): say("subscribe", to: other)
        case .givesUp(_, let other): say("unsubscribe", to: other)
        case .approves(_, let watcher): say("subscribed", to: watcher)
        case .refuses(_, let watcher): say("unsubscribed", to: watcher)
        case .appears(_, let device, let status):
            statuses[device] = status
            guard let client = try await client(of: device) else { return }
            write(status, by: client)
        case .leaves(_, let device):
            statuses[device] = nil
            try await client(of: device)?.write(ByteBuffer(string: "<presence type='unavailable'/>"))
        }
    }

    private func client(of device: String) async throws -> LoopClient? {
        if device == Self.firstDevice { return client }
        if let known = devices[device] { return known }
        let new = LoopClient("alice", at: server, on: eventLoop) { _ in }
        devices[device] = new
        try await new.logIn()
        return new
    }

    func write(_ status: String, by client: LoopClient) {
        client.write(ByteBuffer(string: "<presence><status>\(status)</status></presence>"))
    }

    private func say(_ type: String, to other: Address) {
        var stanza = ByteBuffer(string: "<presence type='\(type)' to='")
        stanza.writeXMLValue(jid(of: other))
        stanza.writeString("'/>")
        client?.write(stanza)
    }

    func hear(_ presence: LoopClient.Presence) {
        guard let other = address(of: presence.from), other.domain != knownUser.domain else { return }
        switch presence.type {
        case nil: news.append(.sees(knownUser, other, status: presence.status ?? ""))
        case "unavailable": news.append(.sees(knownUser, other, status: nil))
        case "subscribe": news.append(.asked(knownUser, by: other))
        case "unsubscribe": news.append(.forgotten(knownUser, by: other))
        case "subscribed": news.append(.approved(knownUser, by: other))
        case "unsubscribed": news.append(.ended(knownUser, by: other))
        default: break
        }
    }
}
