# SPDX-License-Identifier: Apache-2.0
"""A person's XMPP client for tests of messages: JSON lines in, JSON lines out.

in:  {"do": "send", "to": ..., "body": ..., "subject": ..., "thread": ..., "lang": ..., "type": ..., "id": ...,
      "bodies": {"de": ...},      further bodies by language
      "extensions": [...]}        further children, as XML
     {"do": "quit"}
out: {"event": "told"} for each message that was sent, {"event": "message", ..., "extensions": {name: XML}},
     {"event": "error", "condition": ..., ...}, and what every client says
"""

import asyncio

from xmpp_person import CLIENT, ET, XML_LANG, Person, emit, error_of, main


class Client(Person):
    kind = "message"

    def came(self, stanza):
        xml = stanza.xml
        fields = {
            "from": xml.get("from"),
            "to": xml.get("to"),
            "id": xml.get("id"),
            "type": xml.get("type", "normal"),
            "lang": xml.get(XML_LANG),
            "body": xml.findtext(CLIENT + "body"),
            "subject": xml.findtext(CLIENT + "subject"),
            "thread": xml.findtext(CLIENT + "thread"),
            "bodies": {b.get(XML_LANG): b.text for b in xml.findall(CLIENT + "body") if b.get(XML_LANG)},
        }
        fields["extensions"] = {c.tag: ET.tostring(c, encoding="unicode") for c in xml if not c.tag.startswith(CLIENT)}
        if fields["type"] == "error":
            emit("error", **fields, **error_of(xml))
        else:
            emit("message", **fields)

    async def obey(self, order):
        message = ET.Element(CLIENT + "message", {"to": order["to"], "type": order.get("type", "chat")})
        for name, key in (("id", "id"), (XML_LANG, "lang")):
            if order.get(key):
                message.set(name, order[key])
        for name in ("subject", "thread", "body"):
            if order.get(name) is not None:
                ET.SubElement(message, CLIENT + name).text = order[name]
        for language, text in order.get("bodies", {}).items():
            ET.SubElement(message, CLIENT + "body", {XML_LANG: language}).text = text
        for extension in order.get("extensions", []):
            message.append(ET.fromstring(extension))
        emit("told")
        self.write(message)


asyncio.run(main(Client))
