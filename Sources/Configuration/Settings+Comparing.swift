// SPDX-License-Identifier: Apache-2.0

extension Settings {
    /// Whether both sections say the same, wherever in the file they stand.
    package func saysTheSame(as other: Settings) -> Bool {
        entries.count == other.entries.count
            && entries.allSatisfy { name, value in other.entries[name].map { value.saysTheSame(as: $0) } ?? false }
    }
}

extension SettingsValue {
    fileprivate func saysTheSame(as other: SettingsValue) -> Bool {
        switch (content, other.content) {
        case (.text(let a), .text(let b)): a == b
        case (.integer(let a), .integer(let b)): a == b
        case (.flag(let a), .flag(let b)): a == b
        case (.duration(let a), .duration(let b)): a == b
        case (.domain(let a), .domain(let b)): a == b
        case (.address(let a), .address(let b)): a == b
        case (.endpoint(let a), .endpoint(let b)): a == b
        case (.secret(let a), .secret(let b)): a.reveal() == b.reveal()
        case (.section(let a), .section(let b)): a.saysTheSame(as: b)
        case (.list(let a), .list(let b)):
            a.count == b.count && zip(a, b).allSatisfy { $0.saysTheSame(as: $1) }
        case (.table(let a, _), .table(let b, _)):
            a.count == b.count && zip(a, b).allSatisfy { $0.name == $1.name && $0.value.saysTheSame(as: $1.value) }
        default: false
        }
    }
}
