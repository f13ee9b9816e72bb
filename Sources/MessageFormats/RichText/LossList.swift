// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

/// What a document loses, each kind once, and no more kinds than somebody may want to read.
struct LossList {
    private(set) var losses: [Loss] = []
    /// What stands before the name of each loss.
    private let prefix: String

    private static let limit = 16

    init(prefix: String) {
        self.prefix = prefix
    }

    mutating func add(_ name: String, _ reason: Reason) {
        add(name, reason.rawValue)
    }

    mutating func add(_ name: String, _ reason: String) {
        let feature = "\(prefix):\(name.prefix(40))"
        guard losses.count <= LossList.limit, !losses.contains(where: { $0.feature == feature }) else { return }
        losses.append(
            losses.count < LossList.limit
                ? Loss(feature, reason: reason) : Loss(prefix, reason: "more was lost than is listed")
        )
    }

    /// The loss of all of the document, or of its rest, which stands first however much else was lost.
    mutating func addDocument(_ reason: String) {
        losses.insert(Loss("\(prefix):document", reason: reason), at: 0)
    }

    enum Reason: String {
        case dropped = "dropped with what it held"
        case unwrapped = "its text is kept"
        case lines = "its text is kept in lines of its own"
        case image = "its alternative text is kept"
        case attribute = "only the target of a link is carried"
        case target = "not a target that may be linked to; its text is kept"
        case style = "not one of the carried styles"
    }
}
