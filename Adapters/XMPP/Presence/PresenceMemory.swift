// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import MessageFormats

import struct NIOCore.ByteBuffer

/// What the adapter remembers for presence; all of it is bounded, and most of it forgotten with the link.
struct PresenceMemory {
    /// What foreign people have been told of local users.
    var told = PresentityTable()
    /// What local users have been shown of foreign people.
    var shown = ShownTable()
    /// What this burst brings to the core.
    var events: [PresenceEvent] = []
    /// Where in the list something stands that something newer behind it has replaced.
    private var replaced: [Int] = []
    /// Where the last state of a pair stands in the list of events.
    var published: [Int: Int] = [:]
    /// The ids of requests to subscribe that have not been answered.
    var asked: [Int: ByteBuffer] = [:]
    /// Pairs whose local party uses the form that is not the default; kept when the link is lost. What presence alone
    /// tells, which anybody may send to any number of addresses, stands by itself and drives out no other.
    private var forms: Recent<AddressForm>
    private var presenceForms: Recent<AddressForm>
    /// Orders that wait for a link that takes them.
    var waiting = OrderQueue()
    /// Probes that may still be answered: the server says nothing of whom it knows nothing.
    var probes = Patience<PresencePair>()
    /// Users of whom nobody abroad sees anything any more, unless they come back soon.
    var departures = Patience<Address>()
    /// Whether the timer of the two runs.
    var isTicking = false
    /// Documents that were mapped lately, by what they say.
    var mapped: [Int: MappedPresence] = [:]

    /// The most requests, forms and probes that are remembered.
    static let limit = 65_536
    /// The most documents that are remembered.
    static let documentLimit = 64

    init(formLimit: Int = PresenceMemory.limit) {
        forms = Recent(limit: formLimit)
        presenceForms = Recent(limit: formLimit)
    }

    /// Forgets all that the link had to do with. What users were shown is not: their clients show it still, and what has
    /// gone meanwhile is to be taken back.
    mutating func linkIsDown() {
        told.removeAll()
        shown.wantAll()
        asked.removeAll()
        waiting.removeAll()
        probes.removeAll()
        departures.removeAll()
        events.removeAll()
        replaced.removeAll()
        published.removeAll()
    }

    /// Adds what the core is to be told. Of several states of one pair in one burst, the last one counts.
    mutating func add(_ event: PresenceEvent) {
        if case .publishes(let presentity, let watcher?, _) = event {
            let pair = PresenceMemory.pair(presentity, watcher)
            if let place = published.updateValue(events.count, forKey: pair) { replaced.append(place) }
        }
        events.append(event)
    }

    /// Takes what the core is to be told.
    mutating func takeEvents() -> [PresenceEvent] {
        guard !events.isEmpty else { return [] }
        var all: [PresenceEvent] = []
        swap(&all, &events)
        published.removeAll(keepingCapacity: true)
        guard !replaced.isEmpty else { return all }
        let gone = Set(replaced)
        replaced.removeAll()
        return all.indices.filter { !gone.contains($0) }.map { all[$0] }
    }

    /// Stands for a local user and a foreign party. Seeded at every start, so that nobody can make two meet.
    static func pair(_ user: Address, _ foreign: Address) -> Int {
        var hasher = Hasher()
        hasher.combine(user)
        hasher.combine(foreign)
        return hasher.finalize()
    }

    /// Remembers the form in which a local user addresses a foreign party.
    mutating func remember(_ form: AddressForm, default usual: AddressForm, _ parties: PresenceParties, isWord: Bool) {
        if form == usual, forms.isEmpty, presenceForms.isEmpty { return }
        let pair = PresenceMemory.pair(parties.user, parties.foreign)
        let known = form == usual ? nil : form
        if isWord || forms[pair] != nil { forms[pair] = known } else { presenceForms[pair] = known }
    }

    /// The form in which a local user addresses a foreign party, where it is not the default.
    func form(for user: Address, _ foreign: Address) -> AddressForm? {
        guard !forms.isEmpty || !presenceForms.isEmpty else { return nil }
        let pair = PresenceMemory.pair(user, foreign)
        return forms[pair] ?? presenceForms[pair]
    }
}

/// A local user and a foreign party.
struct PresencePair: Hashable {
    var user: Address
    var foreign: Address
}

/// Things that are due unless something comes within one or two rounds of a timer.
struct Patience<Element: Hashable> {
    private let limit: Int
    private var fresh: Set<Element> = []
    private var old: Set<Element> = []

    init(limit: Int = PresenceMemory.limit) { self.limit = limit }

    var isEmpty: Bool { fresh.isEmpty && old.isEmpty }

    /// Whether something more can be waited for.
    var hasRoom: Bool { fresh.count < limit }

    /// Waits for something about `element` from now on; false where it is waited for already, or there is no room.
    @discardableResult
    mutating func insert(_ element: Element) -> Bool {
        guard hasRoom else { return false }
        return fresh.insert(element).inserted && old.remove(element) == nil
    }

    /// Whether something about `element` is waited for.
    func contains(_ element: Element) -> Bool { fresh.contains(element) || old.contains(element) }

    /// Something came.
    mutating func remove(_ element: Element) {
        if !fresh.isEmpty { fresh.remove(element) }
        if !old.isEmpty { old.remove(element) }
    }

    /// Ends a round, and returns what has been waited for long enough.
    mutating func round() -> Set<Element> {
        defer { (old, fresh) = (fresh, []) }
        return old
    }

    mutating func removeAll() {
        fresh.removeAll()
        old.removeAll()
    }
}
