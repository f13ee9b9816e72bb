// SPDX-License-Identifier: Apache-2.0

/// The marks that a text may bear.
struct RichTextFormats: OptionSet, Hashable {
    let rawValue: UInt8

    static let b = RichTextFormats(rawValue: 1)
    static let i = RichTextFormats(rawValue: 2)
    static let u = RichTextFormats(rawValue: 4)
    static let s = RichTextFormats(rawValue: 8)
    static let em = RichTextFormats(rawValue: 16)
    static let strong = RichTextFormats(rawValue: 32)
    static let link = RichTextFormats(rawValue: 64)

    /// Each alone, with its tags. A link's opening tag holds its target and is written otherwise.
    static let single: [(format: RichTextFormats, open: StaticString, close: StaticString)] = [
        (.b, "<b>", "</b>"), (.i, "<i>", "</i>"), (.u, "<u>", "</u>"), (.s, "<s>", "</s>"), (.em, "<em>", "</em>"),
        (.strong, "<strong>", "</strong>"), (.link, "<a>", "</a>"),
    ]
}

/// What an element of HTML comes to in text/html-lite.
enum RichTextElement: Hashable {
    /// One of the marks.
    case format(RichTextFormats)
    case link
    case lineBreak
    case paragraph
    /// An element outside the list that stands apart like a paragraph, or is one line beside others.
    case block, line
    /// A block whose white space counts.
    case preformatted
    /// A cell of a table, of which at least a space is left.
    case cell
    case image
    case rule
    /// Dropped with what it holds.
    case dropped
    /// It has no meaning of its own.
    case transparent
    /// Any other: the tag is dropped, its text is kept.
    case unknown

    /// The meaning of the element with the lower-case name `name`.
    init(_ name: String) {
        self = RichTextElement.known[name] ?? .unknown
    }

    /// Every name that has a meaning.
    static let known: [String: RichTextElement] = {
        var known: [String: RichTextElement] = [
            "b": .format(.b), "i": .format(.i), "u": .format(.u), "s": .format(.s), "em": .format(.em),
            "strong": .format(.strong), "a": .link, "br": .lineBreak, "p": .paragraph, "pre": .preformatted,
            "td": .cell, "th": .cell, "img": .image, "hr": .rule, HTMLReader.wrapper: .transparent,
        ]
        for name in ["script", "style", "title", "head", "object", "iframe", "template"] { known[name] = .dropped }
        for name in ["html", "body", "span"] { known[name] = .transparent }
        for name in [
            "blockquote", "dir", "dl", "fieldset", "h1", "h2", "h3", "h4", "h5", "h6", "menu", "ol", "table", "ul",
        ] {
            known[name] = .block
        }
        for name in [
            "address", "article", "aside", "caption", "center", "dd", "details", "div", "dt", "figcaption", "figure",
            "footer", "form", "header", "legend", "li", "main", "nav", "option", "section", "summary", "tr",
        ] {
            known[name] = .line
        }
        return known
    }()
}
