# SPDX-License-Identifier: Apache-2.0
"""What the test clients on slixmpp have in common: a login in the clear, JSON lines in, JSON lines out.

Every line that goes out has `at`, the seconds of a clock that all processes of the machine share. Each client puts out
{"event": "online"}, {"event": "refused"} for a failed login and {"event": "offline"}, and ends on {"do": "quit"}.
"""

import argparse
import asyncio
import json
import sys
import time

import slixmpp
from slixmpp.xmlstream import ET
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

CLIENT = "{jabber:client}"
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def emit(event, **fields):
    line = {"event": event, "at": time.monotonic(), **{k: v for k, v in fields.items() if v not in (None, "")}}
    print(json.dumps(line), flush=True)


def error_of(stanza):
    """The fields that tell what is wrong, for a stanza of type error."""
    fields = {}
    error = stanza.find(CLIENT + "error")
    for child in error if error is not None else ():
        if child.tag == STANZAS + "text":
            fields["text"] = child.text
        elif child.tag.startswith(STANZAS):
            fields["condition"] = child.tag.removeprefix(STANZAS)
    fields["error_type"] = error.get("type") if error is not None else None
    return fields


class Person(slixmpp.ClientXMPP):
    """A client that hands every stanza of one kind to `came`, and every order to `obey`."""

    kind = None

    def __init__(self, jid, password):
        plain = {"unencrypted_plain": True, "unencrypted_scram": True, "use_mech": "PLAIN"}
        super().__init__(jid, password, plugin_config={"feature_mechanisms": plain})
        self.enable_starttls = False
        self.enable_direct_tls = False
        self.enable_plaintext = True
        # slixmpp's own events leave out some stanzas.
        self.register_handler(Callback("every " + self.kind, MatchXPath(CLIENT + self.kind), self.came))
        self.add_event_handler("session_start", self.begin)
        self.add_event_handler("failed_auth", lambda _: emit("refused"))
        self.add_event_handler("disconnected", lambda _: emit("offline"))

    async def begin(self, _):
        self.send_raw("<presence/>")
        emit("online", jid=self.boundjid.full)

    def came(self, stanza):
        raise NotImplementedError

    async def obey(self, order):
        raise NotImplementedError

    def write(self, xml):
        self.send_raw(slixmpp.xmlstream.tostring(xml, xmlns="jabber:client"))


async def main(client):
    parser = argparse.ArgumentParser()
    parser.add_argument("--jid", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    person = client(arguments.jid, arguments.password)
    person.connect("127.0.0.1", arguments.port)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        if order["do"] == "quit":
            break
        await person.obey(order)
    person.disconnect()
    await asyncio.sleep(0.2)
