// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

/// What an adapter tells the core about presence, in the words of its own service.
///
/// A service knows long-lived approvals and sessions; the network knows short leases that are renewed. The core holds
/// the table that joins the two, so an adapter needs no lease, no timer and no memory of its own (standards reference
/// F.5). Everything here is state and not history: it may be told again at any time, and telling it twice does no harm.
public enum PresenceEvent: Sendable, Hashable {
    /// A user here wishes to see a presentity from now on (XMPP `subscribe`). `name` is what the presentity may be told
    /// that the watcher is called.
    case asks(watcher: Address, presentity: Address, name: DisplayName?)
    /// A user here no longer wishes to see a presentity (XMPP `unsubscribe`).
    case givesUp(watcher: Address, presentity: Address)
    /// A user here is there and wishes to know a presentity's state now (XMPP `probe`).
    case wants(watcher: Address, presentity: Address)
    /// The last session of a user here has ended; what the user watches need not be renewed.
    case leaves(watcher: Address)
    /// A user here lets a watcher see (XMPP `subscribed`).
    case approves(presentity: Address, watcher: Address)
    /// A user here does not let a watcher see, or no longer (XMPP `unsubscribed`).
    case refuses(presentity: Address, watcher: Address)
    /// The state of a user here, for one watcher, or for all of them where `watcher` is nil. The body is a presence
    /// document; ``EnvelopeModel/Body/none`` where the user is not there.
    case publishes(presentity: Address, watcher: Address?, state: Body)
}

/// What the core asks an adapter to do about presence.
///
/// Orders are state too: after a link comes up, the core gives those again that still hold. An adapter whose link is
/// down may forget them.
public enum PresenceOrder: Sendable, Hashable {
    /// Ask a user here whether a watcher may see (XMPP `subscribe`).
    case ask(presentity: Address, watcher: Address, name: DisplayName?)
    /// Tell a user here that a watcher has given up (XMPP `unsubscribe`).
    case forget(presentity: Address, watcher: Address)
    /// Find out a user's state for a watcher; ``PresenceEvent/publishes(presentity:watcher:state:)`` answers
    /// (XMPP `probe`).
    case probe(presentity: Address, watcher: Address)
    /// Tell a user here that a presentity lets itself be seen (XMPP `subscribed`).
    case approved(watcher: Address, presentity: Address)
    /// Tell a user here that a subscription is over, or was refused, and why (XMPP `unsubscribed`, or an error).
    case ended(watcher: Address, presentity: Address, Outcome)
    /// Show a user here a presentity's state; ``EnvelopeModel/Body/none`` where the presentity is not there.
    case show(watcher: Address, presentity: Address, state: Body)
}
