// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import EnvelopeModel
import NIOCore
import XMLStream

@testable import XMPPAdapter

/// What an XMPP server keeps of presence (RFC 6121 §3, §4), as far as its component sees it.
struct MemoryRoster {
    struct Pair: Hashable {
        let user: Address
        let foreign: Address
    }

    /// Whom users here let see, and whom they see or wish to see.
    var approved: Set<Pair> = []
    var watched: Set<Pair> = []
    /// What each device of a user says.
    var devices: [Address: [(name: String, status: String)]] = [:]
    var news: [PresenceNews] = []
}

extension MemoryServer {
    // MARK: What users do

    func act(_ deed: PresenceDeed) {
        switch deed {
        case .watches(let user, let foreign):
            roster.watched.insert(.init(user: user, foreign: foreign))
            sendPresence("subscribe", user, nil, foreign)
        case .givesUp(let user, let foreign):
            roster.watched.remove(.init(user: user, foreign: foreign))
            sendPresence("unsubscribe", user, nil, foreign)
        case .approves(let user, let watcher):
            roster.approved.insert(.init(user: user, foreign: watcher))
            sendPresence("subscribed", user, nil, watcher)
            sendDevices(of: user, to: watcher)
        case .refuses(let user, let watcher):
            roster.approved.remove(.init(user: user, foreign: watcher))
            sendPresence("unsubscribed", user, nil, watcher)
        case .appears(let user, let device, let status):
            roster.devices[user] = (roster.devices[user] ?? []).filter { $0.name != device } + [(device, status)]
            for pair in roster.approved where pair.user == user {
                sendPresence(nil, user, device, pair.foreign, status: status)
            }
        case .leaves(let user, let device):
            roster.devices[user]?.removeAll { $0.name == device }
            for pair in roster.approved where pair.user == user {
                sendPresence("unavailable", user, device, pair.foreign)
            }
        }
    }

    private func sendDevices(of user: Address, to foreign: Address) {
        for device in roster.devices[user] ?? [] {
            sendPresence(nil, user, device.name, foreign, status: device.status)
        }
    }

    private func sendPresence(
        _ type: String?,
        _ user: Address,
        _ device: String?,
        _ foreign: Address,
        status: String? = nil
    ) {
        var stanza = ByteBuffer(string: "<presence" + (type.map { " type='\($0)'" } ?? "") + " from='")
        _ = addresses.writeLocal(user, to: &stanza)
        stanza.writeString((device.map { "/" + $0 } ?? "") + "' to='")
        _ = addresses.writeForeign(foreign, as: .native, to: &stanza)
        stanza.writeString(status.map { "'><status>\($0)</status></presence>" } ?? "'/>")
        answer(stanza)
    }

    // MARK: What the component says

    func handlePresence(_ stanza: XMLElement) {
        guard let header = StanzaHeader(stanza, .presence), let from = JID(header.from, names: addresses.names),
            let to = JID(header.to, names: addresses.names), let user = addresses.localAddress(of: to),
            let (foreign, _) = addresses.foreignAddress(of: from)
        else { return }
        let pair = MemoryRoster.Pair(user: user, foreign: foreign)
        switch stanza.string(Names.type) {
        case "subscribe":
            // RFC 6121 §3.1.3: who is approved already is told so, and the user is not asked.
            guard roster.approved.contains(pair) else { return roster.news.append(.asked(user, by: foreign)) }
            act(.approves(user, foreign))
        case "unsubscribe":
            roster.approved.remove(pair)
            roster.news.append(.forgotten(user, by: foreign))
        case "subscribed":
            if roster.watched.contains(pair) { roster.news.append(.approved(user, by: foreign)) }
        case "unsubscribed":
            if roster.watched.remove(pair) != nil { roster.news.append(.ended(user, by: foreign)) }
        case "probe":
            // RFC 6121 §4.3.2: of who is away nothing need be said.
            guard roster.approved.contains(pair) else { return sendPresence("unsubscribed", user, nil, foreign) }
            sendDevices(of: user, to: foreign)
        case nil where roster.watched.contains(pair):
            let status = stanza.children.first { $0.localName == "status" }.map { String(buffer: $0.text) }
            roster.news.append(.sees(user, foreign, status: status ?? ""))
        case "unavailable" where roster.watched.contains(pair):
            roster.news.append(.sees(user, foreign, status: nil))
        default: break
        }
    }
}
