// SPDX-License-Identifier: Apache-2.0

/// What is asked of the DNS.
package struct DNSQuestion: Sendable, Hashable {
    /// The name without its last dot.
    package let name: String
    /// The type of the records.
    package let type: UInt16

    /// Makes a question.
    package init(name: String, type: UInt16) {
        self.name = name
        self.type = type
    }
}

/// What the DNS said.
package struct DNSAnswer: Sendable, Hashable {
    /// The kinds of answer.
    package enum Status: Sendable, Hashable {
        /// There are records.
        case data
        /// The name exists and has no such records.
        case noData
        /// There is no such name.
        case noName
        /// It could not be found out now, and why.
        case failed(String)
        /// Signatures do not hold, and which.
        case bogus(String)
    }

    /// What kind of answer it is.
    package var status: Status
    /// The data of each record, at most as many as were asked for.
    package var records: [[UInt8]] = []
    /// Whether it was validated with DNSSEC.
    package var isSecure = false
    /// Seconds that it stays true.
    package var seconds: UInt32 = 0
    /// The name that an alias led to; nil where there was none.
    package var alias: String?

    /// Makes an answer.
    package init(
        _ status: Status,
        records: [[UInt8]] = [],
        isSecure: Bool = false,
        seconds: UInt32 = 0,
        alias: String? = nil
    ) {
        self.status = status
        self.records = records
        self.isSecure = isSecure
        self.seconds = seconds
        self.alias = alias
    }
}

/// Something that answers questions; confined to one event loop.
package protocol DNSSource: AnyObject {
    /// Asks, and calls `completion` once on the loop, unless the question is withdrawn before. Returns its number.
    func ask(_ question: DNSQuestion, _ completion: @escaping (DNSAnswer) -> Void) -> Int

    /// Withdraws a question.
    func withdraw(_ number: Int)

    /// Ends everything; what is open is answered as failed.
    func stop()
}
