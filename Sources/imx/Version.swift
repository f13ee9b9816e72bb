// SPDX-License-Identifier: Apache-2.0

/// What this program calls itself.
enum Version {
    /// The version, by semantic versioning.
    static let number = "0.1.0"
    /// The version of the IMX protocol that is spoken.
    static let `protocol` = "IMX/1"
    /// Both in one line.
    static var line: String { "imx \(number) (\(`protocol`))" }
}
