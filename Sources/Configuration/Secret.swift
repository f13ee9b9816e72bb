// SPDX-License-Identifier: Apache-2.0

/// A secret from the configuration. No description, dump or interpolation shows it.
public struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let text: String

    /// Keeps `text` secret.
    public init(_ text: String) {
        self.text = text
    }

    /// The secret itself, for the one place that must send or hash it.
    public func reveal() -> String { text }

    /// A placeholder.
    public var description: String { "(secret)" }

    /// A placeholder.
    public var debugDescription: String { "(secret)" }

    /// A mirror that shows nothing.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
