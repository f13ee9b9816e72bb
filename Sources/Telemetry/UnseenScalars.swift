// SPDX-License-Identifier: Apache-2.0

extension Unicode.Scalar {
    /// Whether the scalar is not to be seen but does something: ends a line, steers a terminal, turns the reading order,
    /// or makes two names look the same. Text of a peer goes to no log, page or terminal with such scalars in it.
    package var isUnseen: Bool {
        if value < 0x80 { return value < 0x20 || value == 0x7F }
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: return true
        default: return properties.isDefaultIgnorableCodePoint
        }
    }
}
