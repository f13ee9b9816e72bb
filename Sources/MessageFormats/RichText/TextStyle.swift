// SPDX-License-Identifier: Apache-2.0

/// The styles of XEP-0071 that text/html-lite has marks for.
enum TextStyle {
    /// The marks that a `style` attribute sets; `lose` is told each property that has none.
    static func formats(_ style: String, lose: (String) -> Void) -> RichTextFormats {
        var formats: RichTextFormats = []
        for declaration in style.split(separator: ";") {
            let halves = declaration.split(separator: ":", maxSplits: 1).map { trim($0).lowercased() }
            guard halves.count == 2 else {
                if !trim(declaration).isEmpty { lose("style") }
                continue
            }
            let words = halves[1].split { $0 == " " || $0 == "\t" || $0 == "\n" }.filter { $0 != "!important" }
            for word in words {
                guard let format = mark(halves[0], String(word)) else {
                    lose(halves[0])
                    continue
                }
                formats.formUnion(format)
            }
        }
        return formats
    }

    /// The marks of one value of a property, none where it is what text has anyway; nil where it cannot be carried.
    private static func mark(_ property: String, _ value: String) -> RichTextFormats? {
        switch (property, value) {
        case ("font-weight", "bold"), ("font-weight", "bolder"), ("font-weight", "600"), ("font-weight", "700"),
            ("font-weight", "800"), ("font-weight", "900"):
            .b
        case ("font-style", "italic"), ("font-style", "oblique"): .i
        case ("text-decoration", "underline"): .u
        case ("text-decoration", "line-through"): .s
        case ("font-weight", "normal"), ("font-weight", "400"), ("font-style", "normal"), ("text-decoration", "none"):
            []
        default: nil
        }
    }

    private static func trim(_ text: Substring) -> Substring {
        var text = text.drop { $0.isWhitespace }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
