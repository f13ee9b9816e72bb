// SPDX-License-Identifier: Apache-2.0

/// What we understand of an element of another namespace: `show` of jabber:client, `im` of pidf:im, and RPID's
/// activities, alone or in the person of the data model.
struct ForeignMeaning {
    private enum Kind {
        case unknown
        case show
        case messaging
        case activities
        case person
    }

    private let now: PresenceTime?
    private var kind = Kind.unknown
    private var text: [UInt8] = []
    private var activities: [PresenceTuple.Show] = []
    /// How deep, from the root on, every open element is one that we understand.
    private var understoodDepth = 0
    /// How deep the open `activities` is, if it is one that holds now.
    private var activitiesDepth: Int?

    /// Whether it is nothing but its text.
    private(set) var isPlain = true
    /// Whether activities in it are told for a time only.
    private(set) var dependsOnTime = false
    /// Whether something in it must be understood and is not, so that none of it counts.
    private(set) var demandsMore = false

    init(now: PresenceTime?) { self.now = now }

    var value: String { String(decoding: text.trimmedOfXMLSpace, as: UTF8.self) }

    var show: PresenceTuple.Show? {
        kind == .show && !demandsMore ? PresenceTuple.Show(rawValue: value) : nil
    }

    var messaging: PresenceTuple.Show? {
        kind == .messaging && !demandsMore ? PresenceTuple.Show(messagingStatus: value) : nil
    }

    var activitiesShow: PresenceTuple.Show? {
        guard !demandsMore else { return nil }
        // The one that asks the most of others.
        let inOrder: [PresenceTuple.Show] = [.dnd, .xa, .away]
        return inOrder.first { activities.contains($0) }
    }

    mutating func began(_ tag: XMLStartTag, _ namespace: PresenceNamespace, depth: Int) {
        if depth == 1 {
            kind = ForeignMeaning.kind(tag.name, namespace)
            isPlain = tag.attributeCount == 0
        } else {
            isPlain = false
        }
        let isUnderstood = isUnderstood(tag, namespace, depth: depth)
        // RFC 3863 §4.2.3: what stands in an element that is left out demands nothing; but where all of the extension is
        // unknown, people are told what it demands.
        if !isUnderstood, understoodDepth == depth - 1 || kind == .unknown, ForeignMeaning.demands(tag) {
            demandsMore = true
        }
        guard isUnderstood, understoodDepth == depth - 1 else { return }
        understoodDepth = depth
        if namespace == .rpid, tag.name.spells("activities"), isInForce(tag) {
            activitiesDepth = depth
        } else if namespace == .rpid, activitiesDepth == depth - 1,
            let show = PresenceTuple.Show(activity: tag.name.text)
        {
            activities.append(show)
        }
    }

    mutating func text(_ octets: UnsafeBufferPointer<UInt8>, depth: Int) {
        guard depth == 1, kind == .show || kind == .messaging, text.count < 256 else { return }
        text.append(contentsOf: octets)
    }

    mutating func ended(depth: Int) {
        if understoodDepth == depth { understoodDepth -= 1 }
        if activitiesDepth == depth { activitiesDepth = nil }
    }

    private static func kind(_ name: XMLCharacters, _ namespace: PresenceNamespace) -> Kind {
        switch namespace {
        case .jabberClient where name.spells("show"): .show
        case .messaging where name.spells("im"): .messaging
        case .rpid where name.spells("activities"): .activities
        case .dataModel where name.spells("person"): .person
        default: .unknown
        }
    }

    private func isUnderstood(_ tag: XMLStartTag, _ namespace: PresenceNamespace, depth: Int) -> Bool {
        switch kind {
        case .unknown: false
        case .show, .messaging: depth == 1
        case .activities: namespace == .rpid
        case .person: namespace == .rpid || namespace == .dataModel
        }
    }

    private static func demands(_ tag: XMLStartTag) -> Bool {
        for index in 0..<tag.attributeCount {
            guard let attribute = tag.attribute(at: index), attribute.prefix != nil,
                attribute.name.spells("mustUnderstand")
            else { continue }
            let namespace = PresenceNamespace(attribute.uri, prefix: attribute.prefix)
            guard namespace == .pidf || namespace == .pidfFolded else { continue }
            let value = attribute.text
            if value == "1" || value == "true" { return true }
        }
        return false
    }

    /// Whether the time that activities are told for has come and is not over (RFC 4480 §3.1).
    private mutating func isInForce(_ tag: XMLStartTag) -> Bool {
        let from = tag.value("from")
        let until = tag.value("until")
        guard from != nil || until != nil else { return true }
        dependsOnTime = true
        guard let now else { return false }
        if let from {
            guard let from = PresenceTime(from), from <= now else { return false }
        }
        if let until {
            guard let until = PresenceTime(until), now <= until else { return false }
        }
        return true
    }
}

extension PresenceTuple.Show {
    /// The state that a status of pidf:im tells.
    init?(messagingStatus: String) {
        switch messagingStatus {
        case "away": self = .away
        case "busy": self = .dnd
        default: self.init(rawValue: messagingStatus)
        }
    }

    /// The status of pidf:im that comes nearest, of the two that RFC 3863 and RFC 3922 show.
    var messagingStatus: String? {
        switch self {
        case .away, .xa: "away"
        case .dnd: "busy"
        case .chat: nil
        }
    }

    /// The state at which an activity of RPID hints (RFC 4480 §3.2); nil where it says nothing of the kind.
    init?(activity: String) {
        switch activity {
        case "appointment", "busy", "meeting", "on-the-phone", "performance", "presentation", "steering", "worship":
            self = .dnd
        case "holiday", "permanent-absence", "sleeping", "travel", "vacation":
            self = .xa
        case "away", "breakfast", "dinner", "in-transit", "meal", "shopping":
            self = .away
        default:
            return nil
        }
    }
}
