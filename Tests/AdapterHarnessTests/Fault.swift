// SPDX-License-Identifier: Apache-2.0

/// What one deliberately broken adapter does wrong; everything else it does right.
enum Fault: String, Sendable, CaseIterable {
    case settlesTwice, forgetsASettlement
    case callsUnknownUsersUnacceptable, blursRefusals, confirmsOnATimer
    case swallowsBounces, bouncesTwice
    case reordersIn, reordersOut, handsOverTwice, trustsNativeIdentifiers
    case speaksForAnotherDomain, trustsItsUsers
    case foldsNames, dropsTheSender, cannotUnescape
    case trimsText, wrapsText, normalisesText
    case dropsSubjects, dropsThreads, dropsLanguages, recodesContent, takesUnknownOperations, answersReports
    case ignoresPause, losesWhatCameInAPause
    case saysDeliveredOnLoss, writesAgainAfterLoss, callsTheQueueUncertain, delaysTheWithdrawn
    case staysDown, hidesItsLink
    case neverStops, leavesTicketsAtStop, completesTwice, submitsAfterStop
}
