// SPDX-License-Identifier: Apache-2.0
package import IMXWire

/// The way from one node of a cluster to another.
///
/// The nodes serve the same domains, so a VERIFY may reach a node that did not make the claim. Its token names the node
/// that did, and only that one knows whether the claim is alive. It sends the proof itself, on its own connection; what
/// goes over the bus is the question and a yes or no.
///
/// Confined to the event loop of the front.
package protocol NodeBus: AnyObject {
    /// What answers the other nodes: whether the claim is alive, and then the proof is on its way. The front sets it.
    var prove: ((VerifyRecord) -> Bool)? { get set }

    /// Asks the node that holds the claim. `completion` comes once, after 2 seconds at the latest; false means no, or
    /// that the node could not be asked.
    func ask(_ node: UInt16, _ question: VerifyRecord, _ completion: @escaping (Bool) -> Void)
}
