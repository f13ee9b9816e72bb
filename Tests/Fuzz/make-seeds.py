#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds that no fuzzer would find by itself: Corpora/TARGET, from the examples of the specification and from
sequences of events that lead deep into the machines. The meaning of each octet stands in Sources/Bodies."""

import pathlib
import re

HERE = pathlib.Path(__file__).parent
SPECIFICATION = HERE.parent.parent / "Documentation" / "IMX-1-Protocol.md"


def octets(text):
    """Hexadecimal digits, and text in quotes for itself, as in the specification."""
    parts = re.split(r'("[^"]*")', text)
    return b"".join(
        p[1:-1].encode() if p.startswith('"') else bytes.fromhex("".join(re.findall(r"[0-9A-Fa-f]", p)))
        for p in parts
    )


def examples():
    blocks = re.findall(r"^```imx1 (\S+)\n(.*?)^```", SPECIFICATION.read_text(), re.S | re.M)
    return {name: octets(body) for name, body in blocks}


def write(target, name, data):
    folder = HERE / "Corpora" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(bytes(data))


# The order of CodecBody.
READERS = [0x01, 0x02, 0x03, 0x04, 0x10, 0x11, 0x12, 0x20, 0x21, 0x30, 0x31, 0x40, 0x41]
ANSWER, ADDRESS, OUTGOING = 13, 14, 15


def codec(known):
    for name, record in known.items():
        if len(record) < 12 or int.from_bytes(record[:4], "big") + 12 != len(record):
            continue
        kind = int.from_bytes(record[4:6], "big")
        reader = ANSWER if record[6] & 2 else READERS.index(kind) if kind in READERS else None
        if reader is not None:
            write("codec", name, bytes([reader]) + record[12:])
    write("codec", "address", bytes([ADDRESS]) + b"alice@a.example")
    write("codec", "address-utf8", bytes([ADDRESS]) + "gr\u00fc\u00dfe@b.example".encode())
    write("codec", "outgoing", bytes([OUTGOING, 128, 5]) + b"a text" + bytes(range(1, 64)) * 2)
    write("codec", "outgoing-presence", bytes([OUTGOING, 128]) + bytes(range(1, 32)) * 16)
    write("codec", "outgoing-long", bytes([OUTGOING, 128, 0xFF]) + b"\xc3\xa9" * 32 + b"\xff" * 200)


def connection(known):
    setups = {"stranger": 0x80, "peer": 0xC0, "dialled": 0x81, "dialled-peer": 0xC1, "narrow": 0xC4, "silent": 0x00}
    for name, setup in setups.items():
        steps = b""
        for record in ("message", "claim", "verify", "ping", "subscribe", "close-last"):
            data = known[record]
            steps += bytes([0, len(data) - 1]) + data
        # Records, sends, answers, an answer of the peer, time, splits, and a close.
        steps += bytes([1, 0, 0x81, 7, 8, 0, 3, 65, 66, 67, 9, 0, 0, 0, 4, 0, 0, 1, 0])
        steps += bytes([11, 0x40, 0, 13, 0, 0x81, 9, 5, 14, 12, 0, 11, 0xFF, 0xFF])
        write("connection", name, bytes([setup, 1]) + steps)
    write("connection", "oversize", bytes([0xC0, 1, 0, 11, 0, 1, 0, 1, 0, 0x20, 1, 0, 0, 0, 0, 9, 5, 65, 255, 255]))
    write("connection", "flood", bytes([0xC0, 1]) + bytes([1, 13, 0, 0, 0]) * 40)


def joined():
    for name, setup in {"strangers": 0x00, "peers": 0x80, "narrow": 0x92, "small": 0x88}.items():
        exchange = bytes([15, 4, 0, 3, 65, 66, 67, 0x85, 2, 0, 0x82, 0x87, 0, 0, 2, 7, 0, 0, 15, 15])
        cut_up = bytes([4, 0, 2, 65, 66, 4, 1, 0, 0x80, 9, 0x80, 20, 0x80, 33, 0x87, 0, 5, 2])
        ends = {
            "close": bytes([12, 0, 15, 15]),
            "both-close": bytes([12, 0, 0x8C, 0, 4, 0, 0, 15, 15]),
            "cut": bytes([4, 0, 0, 13, 0]),
            "idle": bytes([10, 0x4E, 0x1F] * 8),
            "abandon": bytes([4, 0, 0, 9, 0, 15, 0x87, 0, 0, 15]),
        }
        for end, steps in ends.items():
            write("joined", f"{name}-{end}", bytes([setup]) + bytes([15, 15, 11]) + exchange + cut_up + steps)


def dialback():
    # See DialbackBody. Where only one thing is on its way, its place is not said.
    limits = bytes([3, 3, 5, 5, 31, 0xFF])
    first, other = bytes([3]), bytes([3, 0])
    dial, no_dial, not_found, silence = (bytes([3, choice]) for choice in range(4))
    asked = bytes([0, 0]) + first + dial + first
    honest = asked + other + other + first
    claim_b = bytes([8, 0, 2, 0, 0])
    bus = bytes([16, 2, 255, 16, 3, 255])
    failing = claim_b + not_found
    steps = {
        "honest": honest,
        "merged": bytes([0, 0]) + first + no_dial + first + other + other + first,
        "renewed": honest * 2,
        "reordered": bytes([0, 0, 0, 1, 3, 1, 3, 1, 0, 3, 0, 3, 1, 0, 3, 2, 3, 1, 3, 0, 3, 0, 3, 0]),
        "attacker": bytes([11, 0]) + first + dial + first * 3,
        "certified": bytes([24, 0, 11, 0]) + first,
        "relay": bytes([2, 0, 8, 0, 2, 1, 0]) + dial + first + bytes([9, 0, 2, 0, 0, 10, 0, 2, 1, 0]),
        "stolen-token": bytes([0, 0, 8, 0, 2, 1, 0, 3, 1, 0]) + first * 3 + bytes([10, 0, 2, 1, 0]),
        "proof-replayed": bytes([2, 0, 10, 0, 1, 1, 0, 8, 0, 2, 1, 0, 9, 0, 2, 0, 0]),
        "closing": asked + bytes([12, 0]) + other * 3,
        "late": asked + bytes([13, 0xFF, 0xFF]) + other * 3,
        "crowd": bytes([8, 0, 2, 0, 0, 8, 1, 2, 0, 1, 8, 0, 2, 0, 2] * 3),
        "twice": bytes([0, 0, 14]) + first + other + bytes([14]) + other * 4,
        "other-node": bytes([21, 1]) + asked + bus + other * 3,
        "other-node-later": bytes([15, 1, 1, 21, 1]) + asked + bus + other * 3,
        "other-node-too-late": bytes([15, 1, 2, 21, 1]) + asked + other,
        "bus-in-pieces": bytes([21, 1]) + asked + bytes([16, 2, 9] * 30 + [16, 3, 9] * 8) + other * 3,
        "bus-damaged": bytes([21, 1]) + asked + bytes([18, 2, 40, 1]) + bus + other * 3,
        "bus-silent": bytes([21, 1]) + asked + bytes([13, 0x0B, 0xB8]) + bus + other * 3,
        "bus-answers-twice": bytes([21, 1]) + asked + bus + bytes([20, 1, 16, 3, 255]) + other * 3,
        "bus-strangers": bytes([19, 0, 0]) + bytes(64) + bytes([19, 1, 9]) + b"b.example" + bytes([0, 0, 0, 1])
        + bytes([19, 2, 9]) + b"b.example" + bytes([0, 0, 0, 1]),
        "bus-never-whole": bytes([19, 0, 1, 0, 0, 8, 0]) + bytes(1096),
        "bus-in-error": bytes([19, 2, 9]) + b"b.example" + bytes([1, 0, 0, 1]) + bytes([0, 0, 21, 1])
        + bytes([19, 2, 9]) + b"b.example" + bytes([2, 1, 0, 1]),
        "proved-and-disowned": bytes([24, 0, 11, 0]) + first + (claim_b + dial + first + first) * 3,
        "answer-repeated": asked + other + bytes([14, 1, 3, 1, 0, 0]) + other * 6,
        "answer-of-before": asked + other + bytes([14, 1, 3, 1, 0, 0, 3, 2, 3, 2, 0, 3, 2, 3, 1]) + other * 3,
        "fails-often": failing * 4 + bytes([13, 0x27, 0x11]) + failing,
        "disowned-often": (claim_b + dial + first + first) * 4,
        "silent": claim_b + silence + first,
        "blocked": asked + bytes([22, 1]) + other * 3 + bytes([22, 1]),
        "not-hosted": bytes([0, 0]) + first + bytes([22, 0]) + other * 2 + bytes([0, 1, 3, 3, 22, 0]),
        "over": asked + other + other + first + bytes([25, 0, 25, 1, 25, 2, 25, 3, 25, 4]),
        "many-dials": (claim_b + silence + first) * 20,
        "held-dials": bytes([8, 0, 2, 0, 0, 8, 1, 2, 0, 1]) + bytes([13, 0x4E, 0x20]) + (claim_b + silence + first) * 8,
        "talkative": bytes([23, 3, 255]) + (claim_b + dial + first + first) * 3,
    }
    for name, data in steps.items():
        write("dialback", name, limits + data)
        write("dialback", name + "-narrow", bytes(6) + data + honest)


def tls():
    vector = lambda size, inside: len(inside).to_bytes(size, "big") + inside
    extension = lambda kind, inside: kind.to_bytes(2, "big") + vector(2, inside)
    record = lambda part: b"\x16\x03\x01" + vector(2, part)

    def hello(*extensions):
        body = b"\x03\x03" + bytes(32) + vector(1, b"") + vector(2, b"\x13\x01\x13\x02") + vector(1, b"\x00")
        return b"\x01" + vector(3, body + vector(2, b"".join(extensions)))

    name = extension(0, vector(2, b"\x00" + vector(2, b"b.example")))
    protocols = extension(16, vector(2, vector(1, b"imx/1") + vector(1, b"h2")))
    other = extension(43, b"\x02\x03\x04")
    whole = hello(other, name, protocols)
    for title, octets in {
        "whole": record(whole),
        "without-name": record(hello(protocols)),
        "without-extensions": record(hello()),
        "name-twice": record(hello(name, name)),
        "in-records": b"".join(record(whole[at:at + 7]) for at in range(0, len(whole), 7)),
        "http": b"GET / HTTP/1.1\r\n",
        "imx": b"IMX/1\r\n\x00",
        "long": record(b"\x01\x00\x40\x00" + bytes(64)),
        "long-record": b"\x16\x03\x01\x40\x00",
        "odd-name": record(hello(extension(0, vector(2, b"\x00" + vector(2, b"b .\x00example"))))),
        "endless": record(b"\x01\xFF\xFF\xFF"),
        "alert": record(b"\x02\x00\x00\x00"),
    }.items():
        write("tls", title, b"\x00" + octets)
    write("tls", "written", bytes([1, 1, 9, 1, 2, 32, 4, 2, 10, 20, 0, 5, 0, 200]))
    write("tls", "written-plain", bytes([1, 0, 0, 0, 1, 0, 1, 255]))
    # The certificate of TLSBody, so that the fuzzer has one to change.
    source = (HERE / "Sources" / "Bodies" / "TLSBody+Certificate.swift").read_text()
    certificate = bytes.fromhex("".join(re.findall(r"^ {8}([0-9a-f]{2,})", source, re.M)))
    for title, choices in {
        "certificate": [1, 1, 0xAA, 0xAA, 0],
        "certificate-unsigned": [1, 0, 0xAA, 0xAA, 0],
        "certificate-client": [0, 1, 0xAA, 0xAA, 0],
    }.items():
        write("tls", title, bytes([2] + choices) + certificate)
        write("tls", title + "-and-more", bytes([2] + choices) + certificate + b"\x00")
    for usage in range(4):
        write("tls", f"record-{usage}", bytes([2, 1, 1, 0xAA, 0xAA, 1, usage, 0, 1, 2]) + bytes(32) + certificate)


def dns():
    name = b"\x06front1\x01b\x07example\x00"
    record = bytes([0, 10, 0, 0, 0x14, 0xAA, 0, 1]) + name
    write("dns", "imx", b"\x00" + record)
    write("dns", "imx-none", b"\x00" + record[:8] + b"\x00")
    write("dns", "imx-extra", b"\x00" + record + b"\x00\x07\x00\x03abc" + b"\x00\x08\x00\x00")
    write("dns", "imx-odd-name", b"\x00" + record[:8] + b"\x04a.\\\"\x02\x00\xff\x00")
    write("dns", "srv", b"\x01" + bytes([0, 1, 0, 2, 0x14, 0xAA]) + name)
    write("dns", "tlsa-sha256", b"\x02\x03\x01\x01" + bytes(range(32)))
    write("dns", "tlsa-sha512", b"\x02\x03\x01\x02" + bytes(range(64)))
    write("dns", "tlsa-full", b"\x02\x02\x00\x00certificate")
    write("dns", "text", b"\x0310 0 5290 TLS front1.b.example. 7=616263")
    write("dns", "text-generic", b"\x03\\# 9 000A 0000 14AA 0000 00")
    write("dns", "name", b"\x04a\\.b\\032c.example.")
    write("dns", "address-4", b"\x05192.0.2.1")
    write("dns", "address-6", b"\x05::ffff:192.0.2.1")
    write("dns", "range", b"\x052001:db8::/32")
    write("dns", "address-octets", b"\x05" + bytes([0x20, 1, 0xD, 0xB8] + [0] * 11 + [1]))
    write("dns", "generic", b"\x06\\# 4 0a0b 0c0d")


def xml():
    stanzas = {
        "known": "<message id='7'><body id='de'>Gr&#xFC;&lt;\u00df&gt; <![CDATA[<x/>]]></body></message>",
        "unknown": "<x xmlns='urn:x' id='&quot;'>a<y>n</y>b<z:q xmlns:z='urn:z' id='1' z:id='2'/></x>",
        "deep": "<message>" + "<body>" * 5 + "text" + "</body>" * 5 + "</message>",
        "wide": "<message>" + "<body/>t" * 9 + "</message><body/>",
        "attributes": "<message id='1' b='2' c='3' d='" + "v" * 40 + "'/>",
        "long-name": "<" + "n" * 30 + "/><message><" + "n" * 30 + "/></message>",
        "space": " \n\t\r <message/> \n",
        "entity": "<message>&amp;&foo;</message>",
        "comment": "<message/><!-- no -->",
    }
    for name, stanza in stanzas.items():
        stream = f"<?xml version='1.0'?><open id='a'>{stanza}</open>".encode()
        write("xml", name, bytes([0, 0]) + stream)
        write("xml", name + "-small", bytes([0x14, 5]) + stream)
    write("xml", "doctype", b"\x00\x07<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>")
    write("xml", "text", b"\x03a<b>&\"'\x00\r\n\xc3\xbc\xed\xa0\x80\xef\xbf\xbf\xf0\x9f\x98\x80")


def mime():
    plain = "From: alice@a.example\r\nTo: bob@b.example\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n"
    both = (
        "From: \"a b\" <im:a@a.example>\r\nTo: b@b.example\r\n"
        "Content-Type: multipart/alternative; boundary=\"x y\"\r\n\r\npreamble\r\n"
        "--x y\r\nContent-Language: de\r\nContent-ID: <1@a>\r\n\r\nHallo\r\n"
        "--x y\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+SGk8L2I+\r\n--x y--\r\n"
    )
    quoted = "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=FC=\r\nx"
    cpim = (
        "Content-type: Message/CPIM\r\n\r\nFrom: Piglet <im:piglet@100akerwood.example>\r\nTo: <im:eeyore@b.example>\r\n"
        "NS: MyFeatures <mid:MessageFeatures@id.foo.example>\r\nRequire: MyFeatures.VitalMessageOption\r\n"
        "DateTime: 2000-12-13T13:40:00-08:00\r\nSubject:;lang=fr beau temps\r\n\r\n"
        "Content-type: text/xml; charset=utf-8\r\nContent-ID: <1234567890@foo.example>\r\n\r\n<body>Hi\\u002e</body>\r\n"
    )
    folded = "From: a@a.example\r\n (b)\r\nTo: b@b.example\r\nX-A: 1\r\n\t2\r\n\r\ntext"
    mixed = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n1\r\n--b\r\nContent-Type: image/png\r\n\r\n\x01\r\n--b--"
    for name, text in {
        "plain": plain, "alternative": both, "quoted": quoted, "cpim": cpim, "folded": folded, "mixed": mixed,
        "cpim-headers": cpim.split("\r\n\r\n", 1)[1],
    }.items():
        write("mime", name, text.encode())


def pidf():
    head = '<?xml version="1.0" encoding="UTF-8"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:a@a.example"'
    own = (
        head + '><tuple id="ID-x"><status><basic>open</basic><show xmlns="jabber:client">dnd</show>'
        '<im xmlns="urn:ietf:params:xml:ns:pidf:im">busy</im></status><contact priority="0.102">im:a@a.example</contact>'
        '<note xml:lang="en" xml:space="preserve"> n\n</note><timestamp>2026-01-01T00:00:00Z</timestamp></tuple>'
        '<note>top</note><person xmlns="urn:ietf:params:xml:ns:pidf:data-model" id="rpid.person">'
        '<activities xmlns="urn:ietf:params:xml:ns:pidf:rpid"><busy/></activities></person></presence>'
    )
    prefixed = (
        '<?xml version="1.0"?><p:presence xmlns:p="urn:ietf:params:xml:ns:pidf" xmlns:e="urn:e" xmlns="urn:d" '
        'entity="pres:al%69ce@a.example"><p:tuple id="a b"><p:status><p:basic>closed</p:basic><e:x y="e:z"><k xmlns=""/>'
        '</e:x></p:status><e:m p:mustUnderstand="1">&amp;<![CDATA[<]]><!-- c --><?d e?></e:m><p:contact>\n x:y\n'
        '</p:contact><p:note>\n a \n</p:note></p:tuple><p:note xml:lang="fi"/><n/></p:presence>'
    )
    listing = (
        '<?xml version="1.0" encoding="UTF-8"?><impp:presence xmlns="urn:iETF:params:xml:ns:pidf" xmlns:ext="urn:x" '
        'entity="pres:alice@example.com"><tuple id="m"><status><basic>open</impp:basic><ext:s>Busy</ext:s></status>'
        '<contact priority="0.8">\n im:a </contact><contact priority="0.3">tel:+358</contact><note xml:lang="en">\n B\n'
        '</note><timestamp>2005-08-14T09:14:37Z</timestamp></tuple></presence>'
    )
    person = (
        head + ' xmlns:d="urn:ietf:params:xml:ns:pidf:data-model" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"><tuple id="t">'
        '<status><basic>open</basic></status><r:class>x</r:class></tuple><d:person id="p"><r:activities><r:note>n</r:note>'
        '<r:vacation/></r:activities></d:person><note>late</note></presence>'
    )
    doctype = head.replace("<presence", '<!DOCTYPE presence [<!ENTITY a "b">]><presence') + "><note>&a;</note></presence>"
    bare = '<presence entity="pres:a@a.example"><tuple id="1"><timestamp>x</timestamp><status/></tuple></presence>'
    for name, text in {
        "own": own, "prefixed": prefixed, "listing": listing, "person": person, "doctype": doctype, "bare": bare,
    }.items():
        write("pidf", name, b"\x00" + text.encode())
    write("pidf", "utf-16", b"\x03\xff\xfe" + own.encode("utf-16-le"))
    write("pidf", "latin1", b"\x02" + own.replace("top", "t\u00f6p").encode("latin1"))


def html():
    form = "<p>a <b>b<i>c</i></b><br/><u><s>d</s></u></p><em>e</em><strong>f</strong><a href=\"http://a.example/?b&amp;c\">g</a>"
    soup = "<B>x<i></b>y<p>z<script>q</script><img alt='r &lt;' src=s><li>t<table><td>u<td>v&nbsp;&bogus;&#0;<a href=x>w"
    odd = "<![CDATA[a]]><!--[if IE]>b<![endif]--><!DOCTYPE c><?d?>e<<f></imx><pre>g\n  h\t</pre><head>i<title>j</title></head>"
    links = "<a href=\"JaVa&#09;script:a\">b</a><a href='im:c@d'>e<a href=tel:1>f<p>g</a><hr><h1>h</h1><div>i</div>"
    style = "<p style='font-weight: bold'>a<span style='text-decoration: underline; color: red'>b</span></p><ul><li>c</li></ul>"
    body = "<body xmlns='http://www.w3.org/1999/xhtml'>%s</body>"
    stanza = "<html xmlns='http://jabber.org/protocol/xhtml-im'>" + body % style + body % "d" + "</html>"
    entity = "<!DOCTYPE html [<!ENTITY a 'b'>]>" + stanza.replace("c", "&a;")
    for name, text in {
        "form": form, "soup": soup, "odd": odd, "links": links, "xhtml-im": stanza, "xhtml-im-entity": entity,
        "deep": "<b><i><q>" * 60 + "x" + "</i>" * 40, "plain": "a  b\r\n <c> & d\t\n\u00e9\u20ac\x00\ufffe",
    }.items():
        write("html", name, text.encode())


if __name__ == "__main__":
    known = examples()
    codec(known)
    connection(known)
    joined()
    dialback()
    dns()
    tls()
    xml()
    mime()
    pidf()
    html()
    for folder in sorted((HERE / "Corpora").iterdir()):
        print(f"{folder.name}: {len(list(folder.iterdir()))} seeds")
