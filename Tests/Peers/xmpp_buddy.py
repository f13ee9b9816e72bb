# SPDX-License-Identifier: Apache-2.0
"""A person's XMPP client for tests of presence: JSON lines in, JSON lines out. It answers nothing by itself.

in:  {"do": "presence", "to": ..., "type": ..., "show": ..., "status": {"": ..., "de": ...}, "priority": ...,
      "xml": "<c .../>"}            all but "do" may be absent
     {"do": "roster"}
     {"do": "quit"}
out: {"event": "told"} for each presence that was sent, {"event": "presence", "from": ..., "type": ..., "show": ...,
      "status": {...}, "priority": ..., "inside": ["{namespace}name", ...], "condition": ...},
     {"event": "roster", "items": {address: {"subscription": ..., "ask": ...}}}, and what every client says
"""

import asyncio

from xmpp_person import CLIENT, ET, XML_LANG, Person, emit, error_of, main

ROSTER = "{jabber:iq:roster}"


class Buddy(Person):
    kind = "presence"

    def __init__(self, jid, password):
        super().__init__(jid, password)
        # What slixmpp does by itself about subscriptions would hide what servers do.
        for handler in ("Presence", "presence"):
            self.remove_handler(handler)

    async def begin(self, event):
        await self.get_roster()
        await super().begin(event)

    def came(self, stanza):
        xml = stanza.xml
        known = {CLIENT + name for name in ("show", "status", "priority")}
        emit(
            "presence",
            **{
                "from": xml.get("from"),
                "type": xml.get("type", "available"),
                "id": xml.get("id"),
                "show": xml.findtext(CLIENT + "show"),
                "status": {s.get(XML_LANG, xml.get(XML_LANG, "")): s.text for s in xml.findall(CLIENT + "status")},
                "priority": int(xml.findtext(CLIENT + "priority") or 0),
                "inside": [child.tag for child in xml if child.tag not in known],
            },
            **(error_of(xml) if xml.get("type") == "error" else {}),
        )

    async def obey(self, order):
        if order["do"] == "roster":
            return await self.list()
        presence = ET.Element(CLIENT + "presence")
        for name in ("to", "type", "id"):
            if order.get(name):
                presence.set(name, order[name])
        if order.get("show"):
            ET.SubElement(presence, CLIENT + "show").text = order["show"]
        for language, text in order.get("status", {}).items():
            ET.SubElement(presence, CLIENT + "status", {XML_LANG: language} if language else {}).text = text
        if order.get("priority") is not None:
            ET.SubElement(presence, CLIENT + "priority").text = str(order["priority"])
        if order.get("xml"):
            presence.append(ET.fromstring(order["xml"]))
        emit("told")
        self.write(presence)

    async def list(self):
        # Without a version, which would let the server answer that nothing has changed.
        iq = await self.make_iq_get(queryxmlns="jabber:iq:roster").send()
        items = {
            item.get("jid"): {"subscription": item.get("subscription"), "ask": item.get("ask")}
            for item in iq.xml.iter(ROSTER + "item")
        }
        emit("roster", items=items)


asyncio.run(main(Buddy))
