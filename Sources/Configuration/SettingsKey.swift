// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

/// One key of a configuration file: its name, what it takes, and what it is for.
///
/// The list of keys is the only place where a key is described: reading, checking, the error messages and the example
/// file all come from it.
public struct SettingsKey: Sendable {
    /// Whether a value must be given, and what stands in for an absent one.
    public enum Presence: Sendable, Hashable {
        /// The file must say it.
        case required
        /// The file may say it; without it the feature is off.
        case optional
        /// What is taken when the file is silent, written as in the file. A section whose keys all have defaults may
        /// be left out too.
        case defaultsTo(String)
    }

    /// The name as written in the file: lower-case words joined by hyphens.
    public let name: String
    /// What the key takes.
    public let kind: SettingsKind
    /// Whether it must be given.
    public let presence: Presence
    /// One line for people: what it does.
    public let summary: String
    /// A value as written in the file, for messages and for the example file, where the default says too little.
    public let example: String?

    /// Describes a key.
    public init(
        _ name: String,
        _ kind: SettingsKind,
        _ presence: Presence,
        example: String? = nil,
        _ summary: String
    ) {
        self.name = name
        self.kind = kind
        self.presence = presence
        self.summary = summary
        self.example = example
    }

    /// Describes a section of further keys. It may be left out where none of its keys is required.
    public init(section name: String, _ keys: [SettingsKey], _ summary: String) {
        let needed = keys.contains { $0.presence == .required }
        self.init(name, .section(keys), needed ? .required : .defaultsTo("{}"), summary)
    }

    /// A value that would be right, written as in the file.
    var sample: String {
        if let example { return example }
        if case .defaultsTo(let text) = presence, text != "{}", text != "[]" { return text }
        return kind.sample
    }
}

/// What a key takes.
public indirect enum SettingsKind: Sendable {
    /// Any text that is not empty.
    case text
    /// One lower-case word: letters, digits and hyphens, a letter first, at most 32.
    case word
    /// The name of an entry under a top-level key.
    case reference(to: String)
    /// One of a few words.
    case choice([String])
    /// A domain name.
    case domain
    /// A user's address.
    case address
    /// A host and port to connect to, such as `127.0.0.1:5290`, `[::1]:5290`, `front.example:5290`.
    case endpoint
    /// A numeric address and port to listen on; port 0 takes any free one.
    case listener
    /// A numeric address and port to ask.
    case nameServer
    /// The endpoint of another aggregator: a host and port, with `tls://` in front where the port speaks TLS.
    case peer
    /// A numeric address and port where other aggregators connect, with `tls://` in front for TLS; port 0 takes any.
    case peerListener
    /// A range of numeric addresses, such as `10.0.0.0/8`, `fd00::/8`, or one address.
    case addressRange
    /// Whom a rule is about: an address, a domain, a class of domains or a word for more.
    case party(PartyRole)
    /// A file or directory; a relative one is taken from the directory of the configuration file.
    case path
    /// A length of time with its unit: `500ms`, `30s`, `5m`, `12h`, `7d`.
    case duration(ClosedRange<Interval>)
    /// A number of octets with its unit: `512B`, `64KiB`, `4MiB`, `1GiB`.
    case size(ClosedRange<Int>)
    /// A whole number.
    case integer(ClosedRange<Int>)
    /// `true` or `false`.
    case flag
    /// A secret: `{ file: PATH }`, `{ env: NAME }`, or the text itself in a file that others cannot read.
    case secret
    /// A list of values of one kind, with bounds on how many.
    case list(SettingsKind, count: ClosedRange<Int>)
    /// Keys under a key.
    case section([SettingsKey])
    /// Named entries, each of one kind. Names are checked by `names`: `.word`, `.domain` or `.text`.
    case table(names: SettingsKind, values: SettingsKind, example: String)
    /// A section whose keys are those of the schema that its `kind` names.
    case variant
}

/// The keys that one kind of adapter adds to the configuration file.
public struct SettingsSchema: Sendable {
    /// The adapter's one word, which `kind` names in the file.
    public let word: String
    /// What it is, in one line.
    public let summary: String
    /// Its keys.
    public let keys: [SettingsKey]

    /// Describes the keys of the adapter `word`.
    public init(word: String, _ summary: String, keys: [SettingsKey]) {
        self.word = word
        self.summary = summary
        self.keys = keys
    }
}
