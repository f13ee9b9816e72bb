// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

/// The unit of queueing, limits, fairness, metrics and health: what one domain sends to another.
struct Lane {
    let source: Domain
    let destination: Domain
    /// The port that the lane leads to.
    let port: UInt16
    var domainClass: DomainClass
    var ledger = Ledger()
    /// The first and last waiting entry.
    var head = TicketTable.none
    var tail = TicketTable.none
    var unsettled = 0
    var unsettledOctets = 0
    /// Whether the lane stands in its port's list of lanes with something to send.
    var isListed = false
    /// Whether the lane is out of the table and only waits for its last envelope to end.
    var isRetired = false

    var isIdle: Bool { unsettled == 0 && !isListed }

    var isFull: Bool {
        unsettled >= domainClass.laneLimits.messages || unsettledOctets >= domainClass.laneLimits.octets
    }
}

/// The lanes, found by their pair of domains.
struct LaneTable {
    struct Pair: Hashable {
        let source: Domain
        let destination: Domain
    }

    private(set) var lanes: ContiguousArray<Lane> = []
    private var indices: [Pair: UInt32] = [:]
    private var free: [UInt32] = []
    private let maximum: Int
    /// Changes whenever an index that somebody remembers may have lost its meaning.
    private(set) var epoch: UInt64 = 0

    init(maximum: Int) {
        self.maximum = maximum
    }

    subscript(index: UInt32) -> Lane {
        _read { yield lanes[Int(index)] }
        _modify { yield &lanes[Int(index)] }
    }

    func index(from source: Domain, to destination: Domain) -> UInt32? {
        indices[Pair(source: source, destination: destination)]
    }

    /// Adds a lane; nil where there is no room and no lane is idle.
    mutating func add(_ lane: Lane) -> UInt32? {
        if indices.count >= maximum { removeIdle() }
        guard indices.count < maximum else { return nil }
        let index: UInt32
        if let reused = free.popLast() {
            index = reused
            lanes[Int(index)] = lane
        } else {
            index = UInt32(lanes.count)
            lanes.append(lane)
        }
        indices[Pair(source: lane.source, destination: lane.destination)] = index
        return index
    }

    /// Forgets the lanes in which nothing is unsettled, to make room.
    private mutating func removeIdle() {
        epoch &+= 1
        for (pair, index) in indices where lanes[Int(index)].isIdle {
            indices[pair] = nil
            free.append(index)
        }
    }

    /// Brings the lanes of the domains in `changed` up to date. Where a lane still leads to the port that `target` names,
    /// it goes on with the class that `target` names; another leaves the table,
    /// and ends with its last envelope.
    mutating func update(_ changed: Set<Domain>, _ target: (Lane) -> (port: UInt16, domainClass: DomainClass)?) {
        epoch &+= 1
        for (pair, index) in indices where changed.contains(pair.source) || changed.contains(pair.destination) {
            let lane = lanes[Int(index)]
            if let target = target(lane), target.port == lane.port {
                lanes[Int(index)].domainClass = target.domainClass
                continue
            }
            indices[pair] = nil
            if lane.isIdle { free.append(index) } else { lanes[Int(index)].isRetired = true }
        }
    }

    /// Frees a retired lane once nothing of it is left.
    mutating func freeIfRetired(_ index: UInt32) {
        guard lanes[Int(index)].isRetired, lanes[Int(index)].isIdle else { return }
        lanes[Int(index)].isRetired = false
        free.append(index)
    }

    /// The lanes in use, for status reports.
    var all: [Lane] { indices.values.map { lanes[Int($0)] } }
}
