// SPDX-License-Identifier: Apache-2.0
import Configuration
import EnvelopeModel
import NIOCore

/// Finds the rule that decides by a few look-ups, however many rules there are.
struct RuleIndex: Sendable {
    /// The rules of one owner: those about no party in particular, and which kinds of others there are.
    struct Scope: Sendable {
        var number: UInt32
        var kinds: Kinds = []
        var contacts = Slots()
        var everybody = Slots()
    }

    struct Kinds: OptionSet, Sendable {
        let rawValue: UInt8
        static let address = Kinds(rawValue: 1)
        static let likeness = Kinds(rawValue: 2)
        static let domain = Kinds(rawValue: 4)
        static let below = Kinds(rawValue: 8)
        static let domainClass = Kinds(rawValue: 16)
        static let contacts = Kinds(rawValue: 32)
    }

    /// The rules of one owner about one party, by action.
    struct Slots: Sendable {
        private var numbers = SIMD8<Int32>(repeating: -1)
        private static let presence = 7

        mutating func set(_ action: String, _ number: Int) {
            let slot = RuleBook.Action(rawValue: action).map(Self.slot) ?? Self.presence
            if numbers[slot] < 0 { numbers[slot] = Int32(clamping: number) }
        }

        /// The rule about the action itself, else the one about presence where the action is part of it.
        func number(_ action: RuleBook.Action) -> Int? {
            let own = numbers[Self.slot(action)]
            if own >= 0 { return Int(own) }
            guard action.isPresence, numbers[Self.presence] >= 0 else { return nil }
            return Int(numbers[Self.presence])
        }

        private static func slot(_ action: RuleBook.Action) -> Int {
            switch action {
            case .subscribe: 0
            case .fetch: 1
            case .attributes: 2
            case .message: 3
            case .watchers: 4
            }
        }
    }

    /// A party within a scope.
    struct Scoped<Party: Hashable & Sendable>: Hashable, Sendable {
        let scope: UInt32
        let party: Party
    }

    /// A likeness of one scope and domain.
    struct Likeness: Sendable {
        let pattern: Address
        var slots = Slots()

        var letters: Int { pattern.localPart.readableBytesView.count { $0 != UInt8(ascii: "*") } }

        /// The one with the most letters is the more specific; of two with as many, the first by the alphabet.
        func isBefore(_ other: Likeness) -> Bool {
            let (a, b) = (letters, other.letters)
            if a != b { return a > b }
            return pattern.localPart.readableBytesView.lexicographicallyPrecedes(
                other.pattern.localPart.readableBytesView
            )
        }
    }

    /// What is looked for; remembers what must not be asked twice.
    struct Search {
        let action: RuleBook.Action
        let party: Address
        let partyClass: String?
        var isContact: Bool?
    }

    private(set) var users: [Address: Scope] = [:]
    private(set) var domains: [Domain: Scope] = [:]
    private(set) var classes: [String: Scope] = [:]
    private(set) var everybody = Scope(number: 0)
    private var scopes: UInt32 = 1
    private var byAddress: [Scoped<Address>: Slots] = [:]
    private var byLikeness: [Scoped<Domain>: [Likeness]] = [:]
    private var byDomain: [Scoped<Domain>: Slots] = [:]
    private var byBelow: [Scoped<Substring>: Slots] = [:]
    private var longestBelow = 0
    private var byClass: [Scoped<String>: Slots] = [:]

    mutating func add(_ rule: AccessRule, _ number: Int) {
        let new = Scope(number: scopes)
        scopes += 1
        switch rule.owner {
        case .address(let address): users[address] = adding(rule, number, to: users[address] ?? new)
        case .domain(let domain): domains[domain] = adding(rule, number, to: domains[domain] ?? new)
        case .domainClass(let name): classes[name] = adding(rule, number, to: classes[name] ?? new)
        case .everybody: everybody = adding(rule, number, to: everybody)
        case .likeness, .below, .contacts: break  // no owners
        }
    }

    private mutating func adding(_ rule: AccessRule, _ number: Int, to known: Scope) -> Scope {
        var scope = known
        let at = scope.number
        switch rule.party {
        case .address(let address):
            scope.kinds.insert(.address)
            byAddress[Scoped(scope: at, party: address), default: Slots()].set(rule.action, number)
        case .likeness(let pattern):
            scope.kinds.insert(.likeness)
            let place = Scoped(scope: at, party: pattern.domain)
            byLikeness[place, default: []].add(pattern, rule.action, number)
        case .domain(let domain):
            scope.kinds.insert(.domain)
            byDomain[Scoped(scope: at, party: domain), default: Slots()].set(rule.action, number)
        case .below(let domain):
            scope.kinds.insert(.below)
            longestBelow = max(longestBelow, domain.name.utf8.count)
            byBelow[Scoped(scope: at, party: domain.name[...]), default: Slots()].set(rule.action, number)
        case .domainClass(let name):
            scope.kinds.insert(.domainClass)
            byClass[Scoped(scope: at, party: name), default: Slots()].set(rule.action, number)
        case .contacts:
            scope.kinds.insert(.contacts)
            scope.contacts.set(rule.action, number)
        case .everybody: scope.everybody.set(rule.action, number)
        }
        return scope
    }

    /// The number of the rule of `scope` that decides.
    func find(_ search: inout Search, in scope: Scope, _ isContact: () -> Bool) -> Int? {
        let action = search.action
        let party = search.party
        let at = scope.number
        if scope.kinds.contains(.address),
            let found = byAddress[Scoped(scope: at, party: party)]?.number(action)
        {
            return found
        }
        if scope.kinds.contains(.likeness), let list = byLikeness[Scoped(scope: at, party: party.domain)] {
            for likeness in list {
                guard let found = likeness.slots.number(action) else { continue }
                if likeness.pattern.localPart.readableBytesView.isLikeness(of: party.localPart.readableBytesView) {
                    return found
                }
            }
        }
        if scope.kinds.contains(.domain),
            let found = byDomain[Scoped(scope: at, party: party.domain)]?.number(action)
        {
            return found
        }
        if scope.kinds.contains(.below), let found = below(party.domain, action, at) { return found }
        if scope.kinds.contains(.domainClass), let name = search.partyClass,
            let found = byClass[Scoped(scope: at, party: name)]?.number(action)
        {
            return found
        }
        if scope.kinds.contains(.contacts), let found = scope.contacts.number(action) {
            let answer = search.isContact ?? isContact()
            search.isContact = answer
            if answer { return found }
        }
        return scope.everybody.number(action)
    }

    /// The rule about the longest name that `domain` lies below.
    private func below(_ domain: Domain, _ action: RuleBook.Action, _ scope: UInt32) -> Int? {
        var rest = domain.name[...]
        while let dot = rest.utf8.firstIndex(of: UInt8(ascii: ".")) {
            rest = rest[rest.utf8.index(after: dot)...]
            guard rest.utf8.count <= longestBelow else { continue }
            if let found = byBelow[Scoped(scope: scope, party: rest)]?.number(action) { return found }
        }
        return nil
    }
}

extension [RuleIndex.Likeness] {
    fileprivate mutating func add(_ pattern: Address, _ action: String, _ number: Int) {
        if let known = firstIndex(where: { $0.pattern == pattern }) {
            self[known].slots.set(action, number)
            return
        }
        var new = RuleIndex.Likeness(pattern: pattern)
        new.slots.set(action, number)
        insert(new, at: firstIndex { new.isBefore($0) } ?? endIndex)
    }
}

extension RuleBook.Action {
    /// Whether a rule about `presence` is about the action.
    var isPresence: Bool {
        switch self {
        case .subscribe, .fetch, .attributes: true
        case .message, .watchers: false
        }
    }
}

extension Collection<UInt8> {
    /// Whether the octets here, in which a star stands for any octets, stand for those of `text`. Goes back at most to
    /// the last star, so that no pattern takes longer than the product of both lengths.
    func isLikeness(of text: some Collection<UInt8>) -> Bool {
        let star = UInt8(ascii: "*")
        var mine = startIndex
        var its = text.startIndex
        var afterStar: Index?
        var resume = its
        while its != text.endIndex {
            if mine != endIndex, self[mine] == star {
                mine = index(after: mine)
                afterStar = mine
                resume = its
            } else if mine != endIndex, self[mine] == text[its] {
                mine = index(after: mine)
                its = text.index(after: its)
            } else if let after = afterStar {
                resume = text.index(after: resume)
                its = resume
                mine = after
            } else {
                return false
            }
        }
        while mine != endIndex, self[mine] == star { mine = index(after: mine) }
        return mine == endIndex
    }
}
