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

    /// Room for one event that may happen later.
    struct Hold: Sendable {
        fileprivate let block: AddressBlock
        /// Whether the network had a budget of its own then.
        fileprivate let isOwn: Bool
    }

    /// Takes one event for `block`; false where a budget is spent.
    mutating func take(_ block: AddressBlock, isKnown: Bool = false, now: Instant) -> Bool {
        guard admits(block, isKnown: isKnown, now: now) else { return false }
        spend(hold(of: block), now: now)
        return true
    }

    /// Keeps room for one event; nil where a budget is spent. What became of it, ``spend(_:now:)`` or ``giveBack(_:)``
    /// says.
    mutating func hold(_ block: AddressBlock, isKnown: Bool, now: Instant) -> Hold? {
        admits(block, isKnown: isKnown, now: now) ? hold(of: block) : nil
    }

    private mutating func admits(_ block: AddressBlock, isKnown: Bool, now: Instant) -> Bool {
        forgetQuiet(now: now)
        guard withBudget(of: block, { $0.hold(now: now) }) else { return false }
        guard inAll.hold(now: now, keeping: isKnown ? 0 : Self.reserve) else {
            withBudget(of: block) { $0.giveBack() }
            return false
        }
        return true
    }

    private func hold(of block: AddressBlock) -> Hold { Hold(block: block, isOwn: blocks[block] != nil) }

    /// The event happens.
    mutating func spend(_ hold: Hold, now: Instant) {
        inAll.spend(now: now)
        withBudget(of: hold) { $0.spend(now: now) }
    }

    /// The event does not happen.
    mutating func giveBack(_ hold: Hold) {
        inAll.giveBack()
        withBudget(of: hold) { $0.giveBack() }
    }

    /// The budget of a network is kept as long as it holds something.
    private mutating func withBudget(of hold: Hold, _ body: (inout RateBudget) -> Void) {
        if hold.isOwn { body(&blocks[hold.block, default: fresh]) } else { body(&others) }
    }

    /// Forgets the networks that have been quiet for so long that their budgets are full; often where there are many.
    private mutating func forgetQuiet(now: Instant) {
        guard now >= nextSweep else { return }
        blocks = blocks.filter { !$0.value.isFresh(now: now) }
        nextSweep = now + .seconds(blocks.count < Self.blockLimit / 2 ? 60 : 1)
    }

    @discardableResult
    private mutating func withBudget<Result>(of block: AddressBlock, _ body: (inout RateBudget) -> Result) -> Result {
        if blocks[block] != nil || blocks.count < Self.blockLimit { return body(&blocks[block, default: fresh]) }
        return body(&others)
    }
}
