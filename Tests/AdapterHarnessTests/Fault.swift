// SPDX-License-Identifier: Apache-2.0

/// What one deliberately broken adapter does wrong; everything else it does right.
enum Fault: String, Sendable, CaseIterable {
    case settlesTwice, forgetsASettlement, neverConfirms
    case callsUnknownUsersUnacceptable, blursRefusals, confirmsOnATimer
    case swallowsBounces, bouncesTwice
    case reordersIn, reordersOut, handsOverTwice, trustsNativeIdentifiers
    case speaksForAnotherDomain, trustsItsUsers
    case foldsNames, dropsTheSender, cannotUnescape
    case trimsText, wrapsText, normalisesText
    case dropsSubjects, dropsThreads, dropsLanguages, recodesContent, takesUnknownOperations, answersReports
    case dropsChatStates, showsEmptyMessages, dropsCorrections, misdirectsCorrections, dropsRichText
    case ignoresPause, losesWhatCameInAPause
    case saysDeliveredOnLoss, writesAgainAfterLoss, callsTheQueueUncertain, delaysTheWithdrawn
    case staysDown, hidesItsLink
    case swallowsQuestions, approvesByItself, hidesRefusals, publishesStale, keepsTheGone, knowsOneDevice
    case keepsTheForgotten, ignoresProbes, showsStale, hidesGivingUp, hidesEnds, speaksForOthers, swallowsABurst
    case answersFromMemory, staysMute, staysDeaf
    case leavesOutUnknownKeys, knowsNamedKeysOnly, inventsUsers, neverAnswersForAttributes, answersTwice
    case neverStops, leavesTicketsAtStop, completesTwice, submitsAfterStop

    /// The checks that must find it, and no others: the one that is there for it, and those that cannot hold with it.
    var foundBy: [String] {
        switch self {
        case .settlesTwice: ["outcomes.once"]
        case .forgetsASettlement: ["outcomes.once", "bounds.window"]
        case .neverConfirms:
            [
                "identity.odd-addresses", "outcomes.delivered", "content.in", "capabilities.subjects",
                "capabilities.threads", "capabilities.languages", "capabilities.opaque-content",
                "capabilities.chat-states", "capabilities.typing", "capabilities.corrections", "capabilities.rich-text",
                "bounds.window", "link.resumes", "link.not-handed-on",
            ]
        case .callsUnknownUsersUnacceptable: ["outcomes.unknown-user"]
        case .blursRefusals: ["outcomes.refusal"]
        case .confirmsOnATimer: ["outcomes.deadline"]
        case .swallowsBounces, .bouncesTwice: ["outcomes.heard"]
        case .reordersIn: ["order.in", "link.once"]
        case .reordersOut: ["order.out", "bounds.pause"]
        case .handsOverTwice: ["identity.recipient", "order.in", "repeats.once", "link.once"]
        case .trustsNativeIdentifiers: ["repeats.distinct", "capabilities.corrections"]
        case .speaksForAnotherDomain:
            [
                "identity.sender", "identity.odd-addresses", "outcomes.heard", "order.out", "repeats.distinct",
                "confinement.domains", "content.out", "capabilities.subjects", "capabilities.threads",
                "capabilities.languages", "capabilities.chat-states", "capabilities.typing", "capabilities.corrections",
                "capabilities.rich-text", "bounds.pause", "link.resumes",
            ]
        case .trustsItsUsers: ["confinement.forged"]
        case .foldsNames, .cannotUnescape: ["identity.odd-addresses"]
        case .dropsTheSender: ["identity.recipient", "identity.odd-addresses"]
        case .trimsText, .normalisesText: ["content.in"]
        case .wrapsText: ["content.out"]
        case .dropsSubjects: ["capabilities.subjects", "capabilities.languages"]
        case .dropsThreads: ["capabilities.threads"]
        case .dropsLanguages: ["capabilities.languages"]
        case .recodesContent: ["capabilities.opaque-content"]
        case .dropsChatStates: ["capabilities.chat-states", "capabilities.typing"]
        case .showsEmptyMessages: ["capabilities.typing"]
        case .dropsCorrections, .misdirectsCorrections: ["capabilities.corrections"]
        case .dropsRichText: ["capabilities.rich-text"]
        case .takesUnknownOperations: ["capabilities.unknown-operation"]
        case .answersReports: ["capabilities.reports"]
        case .ignoresPause, .losesWhatCameInAPause: ["bounds.pause"]
        case .saysDeliveredOnLoss: ["link.truth"]
        case .writesAgainAfterLoss: ["link.once"]
        case .callsTheQueueUncertain: ["link.not-handed-on", "link.expired"]
        case .delaysTheWithdrawn: ["link.expired"]
        case .staysDown:
            ["link.reported", "link.resumes", "link.truth", "link.once", "link.not-handed-on", "link.expired"]
                + presenceOfTheLink
        case .hidesItsLink:
            ["link.reported", "link.resumes", "link.not-handed-on", "link.expired"] + presenceOfTheLink
        case .swallowsQuestions:
            [
                "presence.asked", "presence.undecided", "presence.refused", "presence.states", "presence.leaves",
                "presence.devices", "presence.forgotten", "presence.probed", "presence.confined", "presence.burst",
                "attributes.access", "link.presence", "link.asked",
            ]
        case .approvesByItself: ["presence.undecided", "presence.forgotten", "attributes.access"]
        case .hidesRefusals: ["presence.refused", "attributes.access"]
        case .publishesStale:
            ["presence.states", "presence.leaves", "presence.devices", "presence.probed", "link.presence"]
        case .keepsTheGone: ["presence.leaves", "presence.devices", "presence.probed"]
        case .knowsOneDevice: ["presence.devices"]
        case .keepsTheForgotten: ["presence.forgotten"]
        case .ignoresProbes: ["presence.probed", "link.presence"]
        case .showsStale: ["presence.watches"]
        case .hidesGivingUp: ["presence.given-up"]
        case .hidesEnds: ["presence.ended"]
        case .speaksForOthers: ["presence.confined"]
        case .swallowsABurst: ["presence.burst"]
        case .answersFromMemory: ["link.presence"]
        case .staysMute: ["link.presence", "link.asked"]
        case .staysDeaf: ["link.presence", "link.shown"]
        case .leavesOutUnknownKeys: ["attributes.answered"]
        case .knowsNamedKeysOnly: ["attributes.all"]
        case .inventsUsers: ["attributes.unknown-user"]
        case .neverAnswersForAttributes:
            [
                "attributes.answered", "attributes.all", "attributes.unknown-user", "attributes.access",
                "attributes.once",
            ]
        case .answersTwice: ["attributes.once"]
        case .neverStops: ["stop.settles", "stop.once"]
        case .leavesTicketsAtStop: ["stop.settles"]
        case .completesTwice, .submitsAfterStop: ["stop.once"]
        }
    }

    private var presenceOfTheLink: [String] { ["link.presence", "link.shown", "link.asked"] }
}
