// SPDX-License-Identifier: Apache-2.0
import MessageFormats
import NIOCore
import Testing

/// Reads a document, which must be readable.
func reading(
    _ text: String,
    _ mode: PIDFReader.Mode = .strict,
    _ location: SourceLocation = #_sourceLocation
) throws -> PIDFReading {
    let result = PIDFReader(mode: mode).read(ByteBuffer(string: text))
    if case .failure(let refusal) = result { Issue.record(refusal, sourceLocation: location) }
    return try result.get()
}

/// Why a document is refused, if it is.
func refusal(_ text: String, _ mode: PIDFReader.Mode = .strict) -> PIDFFinding? {
    guard case .failure(let refusal) = PIDFReader(mode: mode).read(ByteBuffer(string: text)) else { return nil }
    return refusal.cause
}

func rules(_ reading: PIDFReading) -> [PIDFFinding.Rule] { reading.faults.map(\.rule) }

let declaration = #"<?xml version="1.0" encoding="UTF-8"?>"#

/// A document with `content` in its root.
func presence(_ content: String) -> String {
    """
    \(declaration)<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:p="urn:ietf:params:xml:ns:pidf" \
    entity="pres:alice@a.example">\(content)</presence>
    """
}

/// A document with one tuple that is open, and `content` behind its status.
func tuple(_ content: String) -> String {
    presence("<tuple id=\"t\"><status><basic>open</basic></status>\(content)</tuple>")
}

/// A document with one tuple that has `content` in its status.
func status(_ content: String) -> String { presence("<tuple id=\"t\"><status>\(content)</status></tuple>") }

enum PresenceSamples {
    /// RFC 3863 §4.2.2, with a prefix and without.
    static let prefixed = """
        <?xml version="1.0" encoding="UTF-8"?>
        <impp:presence xmlns:impp="urn:ietf:params:xml:ns:pidf"
            entity="pres:someone@example.com">
          <impp:tuple id="sg89ae">
            <impp:status>
              <impp:basic>open</impp:basic>
            </impp:status>
            <impp:contact priority="0.8">tel:+09012345678</impp:contact>
          </impp:tuple>
        </impp:presence>
        """
    static let unprefixed = prefixed.replacing("xmlns:impp", with: "xmlns").replacing("impp:", with: "")

    /// RFC 3863 §4.2.4.
    static let location = """
        <?xml version="1.0" encoding="UTF-8"?>
        <presence xmlns="urn:ietf:params:xml:ns:pidf"
            xmlns:local="urn:example-com:pidf-status-type"
            entity="pres:someone@example.com">
          <tuple id="ub93s3">
            <status>
              <basic>open</basic>
              <local:location>home</local:location>
            </status>
            <contact>im:someone@example.com</contact>
          </tuple>
        </presence>
        """

    /// RFC 3863 §4.3.1.
    static let statuses = """
        <?xml version="1.0" encoding="UTF-8"?>
        <presence xmlns="urn:ietf:params:xml:ns:pidf"
             xmlns:im="urn:ietf:params:xml:ns:pidf:im"
             xmlns:myex="http://id.example.com/presence/"
             entity="pres:someone@example.com">
          <tuple id="bs35r9">
            <status>
              <basic>open</basic>
              <im:im>busy</im:im>
              <myex:location>home</myex:location>
            </status>
            <contact priority="0.8">im:someone@mobilecarrier.net</contact>
            <note xml:lang="en">Don't Disturb Please!</note>
            <note xml:lang="fr">Ne derangez pas, s'il vous plait</note>
            <timestamp>2001-10-27T16:49:29Z</timestamp>
          </tuple>
          <tuple id="eg92n8">
            <status>
              <basic>open</basic>
            </status>
            <contact priority="1.0">mailto:someone@example.com</contact>
          </tuple>
          <note>I'll be in Tokyo next week</note>
        </presence>
        """

    /// RFC 3863 §4.3.2.
    static let others = """
        <?xml version="1.0" encoding="UTF-8"?>
        <impp:presence xmlns:impp="urn:ietf:params:xml:ns:pidf"
             xmlns:myex="http://id.example.com/presence/"
             entity="pres:someone@example.com">
          <impp:tuple id="ck38g9">
            <impp:status>
              <impp:basic>open</impp:basic>
            </impp:status>
            <myex:mytupletag>Extended value in tuple</myex:mytupletag>
            <impp:contact priority="0.65">tel:+09012345678</impp:contact>
          </impp:tuple>
          <impp:tuple id="md66je">
            <impp:status>
              <impp:basic>open</impp:basic>
            </impp:status>
            <impp:contact priority="1.0">
               im:someone@mobilecarrier.net</impp:contact>
          </impp:tuple>
          <myex:mytag>My extended presentity information</myex:mytag>
        </impp:presence>
        """

    /// RFC 3863 §4.3.3.
    static let mandatory = """
        <?xml version="1.0" encoding="UTF-8"?>
        <impp:presence xmlns:impp="urn:ietf:params:xml:ns:pidf"
             xmlns:myex="http://id.mycompany.com/presence/"
             entity="pres:someone@example.com">
          <impp:tuple id="tj25ds">
            <impp:status>
              <impp:basic>open</impp:basic>
            </impp:status>
            <myex:complexExtension>
              <myex:ex1 impp:mustUnderstand="1">val1</myex:ex1>
              <myex:ex2>val2</myex:ex2>
            </myex:complexExtension>
            <impp:contact priority="0.725">tel:+09012345678</impp:contact>
          </impp:tuple>
          <myex:mytag>My extended presentity information</myex:mytag>
        </impp:presence>
        """

    /// The framework paper's Listing I, letter for letter.
    static let listing = """
        <?xml version="1.0" encoding="UTF-8"?>
        <impp:presence
          xmlns="urn:iETF:params:xml:ns:pidf"
          xmlns:ext="urn:example-com:pidf-status-type"
          entity="pres:alice@example.com">
          <tuple id="mypres">
            <status>
              <basic>open</impp:basic>
              <ext:extdstatus>Busy</ext:extdstatus>
            </status>
            <contact priority="0.8">
              im:alice@example.com
            </contact>
            <contact priority="0.3">
              tel:+3585012345678
            </contact>
            <note xml:lang="en">
              Busy until 11 AM. Urgent messaging only.
            </note>
            <note xml:lang="fi">
              Kiirettä pitää kello 11 asti.
            </note>
            <timestamp>2005-08-14T09:14:37Z</timestamp>
          </tuple>
        </presence>

        """

    /// RFC 3923, example 7: the tuple's start-tag has no end.
    static let unended = """
        <?xml version="1.0" encoding="UTF-8"?>
        <presence xmlns="urn:ietf:params:xml:ns:pidf"
                  xmlns:im="urn:ietf:params:xml:ns:pidf:im"
                  entity="pres:juliet@example.com">
          <tuple id="hr0zny"
            <status>
              <basic>open</basic>
              <im:im>away</im:im>
            </status>
            <note xml:lang="en">retired to the chamber</note>
            <timestamp>2003-12-09T23:53:11.31</timestamp>
          </tuple>
        </presence>
        """

    /// RFC 8048, example 4.
    static let shown = """
        <?xml version='1.0' encoding='UTF-8'?>
        <presence xmlns='urn:ietf:params:xml:ns:pidf'
                  entity='pres:romeo@example.net'>
          <tuple id='ID-dr4hcr0st3lup4c'>
            <status>
              <basic>open</basic>
              <show xmlns='jabber:client'>away</show>
            </status>
          </tuple>
        </presence>
        """
}
