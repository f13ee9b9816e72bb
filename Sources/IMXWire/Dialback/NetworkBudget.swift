// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

/// How much strangers may have done for them: so much for each network, and so much in all.
///
/// Whoever claims ten thousand names makes us look up and dial no more places than this allows, and whoever sends
/// floods of VERIFY leaves room for the others.
struct NetworkBudget: Sendable {
    private let fresh: RateBudget
    private var inAll: RateBudget
    private var blocks: [AddressBlock: RateBudget] = [:]
    /// For networks that come while the table is full; they share one budget.
    private var others: RateBudget
    private var nextSweep = Instant.start

    /// The most networks that have a budget of their own.
    private static let blockLimit = 8192
    /// The part of the whole budget that is kept for those who are known.
    private static let reserve = 0.25

    /// A budget of so many events of each network, and so many in all.
    init(block: RateBudget, inAll: RateBudget) {
        fresh = block
        others = block
        self.inAll = inAll
    }

    /// Takes one event for `block`; false where a budget is spent.
    mutating func take(_ block: AddressBlock, isKnown: Bool = false, now: Instant) -> Bool {
        forgetQuiet(now: now)
        guard withBudget(of: block, { $0.take(now: now) }) else { return false }
        guard inAll.take(now: now, keeping: isKnown ? 0 : Self.reserve) else {
            withBudget(of: block) { $0.giveBack() }
            return false
        }
        return true
    }

    /// Gives an event back that was taken and did not happen.
    mutating func giveBack(_ block: AddressBlock) {
        inAll.giveBack()
        withBudget(of: block) { $0.giveBack() }
    }

    /// Forgets the networks that have been quiet for so long that their budgets are full; often where there are many.
    private mutating func forgetQuiet(now: Instant) {
        guard now >= nextSweep else { return }
        blocks = blocks.filter { $0.value.full > now }
        nextSweep = now + .seconds(blocks.count < Self.blockLimit / 2 ? 60 : 1)
    }

    @discardableResult
    private mutating func withBudget<Result>(of block: AddressBlock, _ body: (inout RateBudget) -> Result) -> Result {
        if blocks[block] != nil || blocks.count < Self.blockLimit { return body(&blocks[block, default: fresh]) }
        return body(&others)
    }
}
