package struct ConnectionHandle: Hashable, Sendable { package let rawValue: UInt64; package init(rawValue: UInt64) { self.rawValue = rawValue } }
