// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

/// Who hosts what: one row for each domain that is served here.
public struct DomainDirectory: Sendable {
    /// One domain.
    public struct Row: Sendable, Hashable {
        /// Its settings.
        public var domainClass: DomainClass
        /// The name of the adapter instance that speaks for it.
        public var adapter: String

        /// Makes a row.
        public init(domainClass: DomainClass, adapter: String) {
            self.domainClass = domainClass
            self.adapter = adapter
        }
    }

    private var rows: [Domain: Row] = [:]
    /// Changes with every change of a row, so that whoever caches an answer knows when it is stale.
    private(set) var epoch: UInt64 = 0

    /// Makes an empty directory.
    public init() {}

    /// The row of `domain`. Setting it takes effect for the next envelope; setting nil takes the domain out of service.
    public subscript(domain: Domain) -> Row? {
        get { rows[domain] }
        set {
            rows[domain] = newValue
            epoch &+= 1
        }
    }

    /// Takes the rows of `other` in place of these.
    ///
    /// - Returns: The domains whose rows are new, gone or different.
    mutating func replace(with other: DomainDirectory) -> Set<Domain> {
        let changed = Set(rows.keys).union(other.rows.keys).filter { rows[$0] != other.rows[$0] }
        rows = other.rows
        if !changed.isEmpty { epoch &+= 1 }
        return changed
    }

    /// The domains that the adapter instance called `adapter` speaks for, in order.
    public func domains(of adapter: String) -> [Domain] {
        rows.filter { $0.value.adapter == adapter }.keys.sorted()
    }

    /// All domains, in order.
    public var domains: [Domain] { rows.keys.sorted() }
}
