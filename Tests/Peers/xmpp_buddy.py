# SPDX-License-Identifier: Apache-2.0
"""A person's XMPP client for tests of presence, on slixmpp: JSON lines in, JSON lines out. It answers nothing by itself.

in:  {"do": "presence", "to": ..., "type": ..., "show": ..., "status": {"": ..., "de": ...}, "priority": ...,
      "xml": "<c .../>"}            all but "do" may be absent
     {"do": "roster"}
     {"do": "quit"}
out: {"event": "online"}, {"event": "presence", "from": ..., "type": ..., "show": ..., "status": {...},
      "priority": ..., "inside": ["{namespace}name", ...]},
     {"event": "roster", "items": {address: {"subscription": ..., "ask": ...}}}, {"event": "offline"}
"""

import argparse
import asyncio
import json
import sys

import slixmpp
from slixmpp.xmlstream import ET
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

CLIENT = "{jabber:client}"
ROSTER = "{jabber:iq:roster}"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def emit(event, **fields):
    print(json.dumps({"event": event, **{k: v for k, v in fields.items() if v not in (None, "")}}), flush=True)


class Buddy(slixmpp.ClientXMPP):
    def __init__(self, jid, password):
        plain = {"unencrypted_plain": True, "unencrypted_scram": True, "use_mech": "PLAIN"}
        super().__init__(jid, password, plugin_config={"feature_mechanisms": plain})
        self.enable_starttls = False
        self.enable_direct_tls = False
        self.enable_plaintext = True
        # What slixmpp does by itself about subscriptions would hide what servers do.
        for handler in ("Presence", "presence"):
            self.remove_handler(handler)
        self.register_handler(Callback("buddy", MatchXPath(CLIENT + "presence"), self.came))
        self.add_event_handler("session_start", self.online)
        self.add_event_handler("disconnected", lambda _: emit("offline"))

    async def online(self, _):
        await self.get_roster()
        self.send_raw("<presence/>")
        emit("online", jid=self.boundjid.full)

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
        )

    def tell(self, order):
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
        self.send_raw(slixmpp.xmlstream.tostring(presence, xmlns="jabber:client"))

    async def roster_now(self):
        iq = await self.get_roster()
        items = {
            item.get("jid"): {"subscription": item.get("subscription"), "ask": item.get("ask")}
            for item in iq.xml.iter(ROSTER + "item")
        }
        emit("roster", items=items)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jid", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    buddy = Buddy(arguments.jid, arguments.password)
    buddy.connect("127.0.0.1", arguments.port)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        if order["do"] == "quit":
            break
        if order["do"] == "roster":
            await buddy.roster_now()
        else:
            buddy.tell(order)
    buddy.disconnect()
    await asyncio.sleep(0.2)


asyncio.run(main())
