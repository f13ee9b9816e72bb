# SPDX-License-Identifier: Apache-2.0
"""A person's XMPP client for tests, on slixmpp: JSON lines in, JSON lines out.

in:  {"do": "send", "to": ..., "body": ..., "subject": ..., "thread": ..., "lang": ..., "type": ..., "id": ...,
      "bodies": {"de": ...},      further bodies by language
      "extensions": [...]}        further children, as XML
     {"do": "quit"}
out: {"event": "online"}, {"event": "message", ..., "extensions": {name: XML}}, {"event": "error", "condition": ..., ...},
     {"event": "refused"} for a failed login, {"event": "offline"}
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
STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def emit(event, **fields):
    print(json.dumps({"event": event, **{k: v for k, v in fields.items() if v not in (None, "")}}), flush=True)


class Client(slixmpp.ClientXMPP):
    def __init__(self, jid, password):
        plain = {"unencrypted_plain": True, "unencrypted_scram": True, "use_mech": "PLAIN"}
        super().__init__(jid, password, plugin_config={"feature_mechanisms": plain})
        self.enable_starttls = False
        self.enable_direct_tls = False
        self.enable_plaintext = True
        self.add_event_handler("session_start", self.online)
        # slixmpp's own event is for messages with a body only.
        self.register_handler(Callback("Every message", MatchXPath(CLIENT + "message"), self.came))
        self.add_event_handler("failed_auth", lambda _: emit("refused"))
        self.add_event_handler("disconnected", lambda _: emit("offline"))

    async def online(self, _):
        self.send_presence()
        emit("online", jid=self.boundjid.full)

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
        if fields["type"] != "error":
            return emit("message", **fields)
        error = xml.find(CLIENT + "error")
        for child in error if error is not None else ():
            namespace, _, name = child.tag.rpartition("}")
            if namespace == "{" + STANZAS:
                fields["text" if name == "text" else "condition"] = child.text if name == "text" else name
        fields["error_type"] = error.get("type") if error is not None else None
        emit("error", **fields)

    def tell(self, order):
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
        self.send_raw(slixmpp.xmlstream.tostring(message, xmlns="jabber:client"))


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jid", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    client = Client(arguments.jid, arguments.password)
    client.connect("127.0.0.1", arguments.port)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        if order["do"] == "quit":
            break
        client.tell(order)
    client.disconnect()
    await asyncio.sleep(0.2)


asyncio.run(main())
