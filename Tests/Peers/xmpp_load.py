# SPDX-License-Identifier: Apache-2.0
"""A light XMPP client for thousands of numbered messages: JSON lines in, JSON lines out. Standard library only.

in:  {"do": "send", "to": ..., "count": N, "rate": per second}   returns at once; "sent" follows
     {"do": "report"}                                            totals so far
     {"do": "quit"}
out: {"event": "online"}, {"event": "offline"}, {"event": "sent", "total": N}, {"event": "report", ...}

Every message carries its sender's running number in its body, "load SENDER NUMBER padding". The receiving side
notes, by sender, each number that came, each that came twice and each that came after a higher one; the sending
side notes each number that came back as an error. When the connection is lost it is made again, for ever.
"""

import argparse
import base64
import collections
import json
import selectors
import socket
import sys
import time
import xml.parsers.expat as expat
from xml.sax.saxutils import quoteattr

PADDING = "the quick brown fox jumps over the lazy dog"


def emit(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


class Tally:
    """What came: numbers by sender, with repeats and steps backward."""

    def __init__(self):
        self.came = collections.defaultdict(set)
        self.highest = collections.defaultdict(lambda: -1)
        self.repeats, self.backward = [], []

    def note(self, sender, number):
        if number in self.came[sender]:
            self.repeats.append(number)
        elif number < self.highest[sender]:
            self.backward.append(number)
        self.came[sender].add(number)
        self.highest[sender] = max(self.highest[sender], number)


class Session:
    """One stream: login by SASL PLAIN, then stanzas. States: greet, auth, again, bind, online."""

    def __init__(self, arguments, on_message):
        self.user, _, self.domain = arguments.jid.partition("@")
        self.password, self.resource = arguments.password, arguments.resource
        self.on_message = on_message
        self.socket = socket.create_connection(("127.0.0.1", arguments.port), timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.out = bytearray()
        self.state = "greet"
        self.open()

    def open(self):
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text
        self.parser.buffer_text = True
        self.depth, self.stanza, self.body, self.condition, self.inside = 0, None, None, None, None
        self.put(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' version='1.0' "
            f"xmlns:stream='http://etherx.jabber.org/streams' to={quoteattr(self.domain)}>"
        )

    def put(self, text):
        self.out += text.encode()

    def start(self, name, attributes):
        self.depth += 1
        if self.depth == 2:
            self.stanza, self.body, self.condition = (name, attributes), None, None
        elif self.depth == 3:
            self.inside = name
            if name == "body":
                self.body = ""
        elif self.depth == 4 and self.inside == "error" and self.condition is None and name != "text":
            self.condition = name

    def text(self, data):
        if self.depth == 3 and self.inside == "body":
            self.body += data

    def end(self, _):
        self.depth -= 1
        if self.depth == 0:
            raise ConnectionError("stream closed")
        if self.depth == 1:
            self.whole(*self.stanza)

    def whole(self, name, attributes):
        if name == "message":
            self.on_message(attributes, self.body, self.condition)
        elif name == "stream:features" and self.state == "greet":
            self.state = "auth"
            secret = base64.b64encode(f"\0{self.user}\0{self.password}".encode()).decode()
            self.put(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>")
        elif name == "success":
            self.state = "again"
        elif name == "stream:features":
            self.state = "bind"
            self.put(
                "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                f"<resource>{self.resource}</resource></bind></iq>"
            )
        elif name == "iq" and attributes.get("id") == "bind":
            if attributes.get("type") != "result":
                raise ConnectionError("resource refused")
            self.state = "online"
            self.put("<presence/>")
            emit("online")
        elif name == "iq" and attributes.get("type") == "get":
            self.put(f"<iq type='result' id={quoteattr(attributes.get('id', ''))} to={quoteattr(attributes['from'])}/>")
        elif name in ("failure", "stream:error"):
            raise ConnectionError(name)

    def read(self):
        data = self.socket.recv(1 << 18)
        if not data:
            raise ConnectionError("closed")
        self.parser.Parse(data)
        if self.state == "again":
            self.state = "greeted"
            self.open()

    def write(self):
        if self.out:
            del self.out[: self.socket.send(self.out)]


class Load:
    def __init__(self, arguments):
        self.arguments = arguments
        self.tally = Tally()
        self.errors = collections.Counter()
        self.returned = {}
        self.number = 0
        self.left, self.to, self.rate, self.due_since, self.due_base = 0, None, 0, 0, 0
        self.session, self.retry_at, self.ended = None, 0, False
        self.inbox = b""

    def message(self, attributes, body, condition):
        if attributes.get("type") == "error":
            # Servers need not send the body back with an error, so the number is in the id as well.
            prefix, _, number = attributes.get("id", "").partition("-")
            if prefix == "load":
                self.errors[condition or "none"] += 1
                self.returned[int(number)] = condition or "none"
        elif body and body.startswith("load "):
            _, sender, number, *_ = body.split(" ", 3)
            self.tally.note(sender, int(number))

    def order(self, order):
        if order["do"] == "send":
            self.to, self.left, self.rate = order["to"], order["count"], order.get("rate") or 1e9
            self.due_since, self.due_base = time.monotonic(), self.number
        elif order["do"] == "report":
            self.report()
        elif order["do"] == "quit":
            self.ended = True

    def report(self):
        came = self.tally.came
        emit(
            "report",
            sent=self.number,
            received=sum(len(n) for n in came.values()),
            repeats=self.tally.repeats,
            backward=self.tally.backward,
            errors=sum(self.errors.values()),
            conditions=dict(self.errors),
            returned=sorted(self.returned),
            numbers={sender: ranges(n) for sender, n in came.items()},
        )

    def fill(self):
        """Queues what is due, as long as the socket keeps up."""
        due = int((time.monotonic() - self.due_since) * self.rate) - (self.number - self.due_base)
        while self.left and due > 0 and len(self.session.out) < 1 << 16:
            sender = self.arguments.jid
            self.session.put(
                f"<message type='chat' to={quoteattr(self.to)} id='load-{self.number}'>"
                f"<body>load {sender} {self.number} {PADDING}</body></message>"
            )
            self.number += 1
            self.left -= 1
            due -= 1
            if not self.left:
                emit("sent", total=self.number)

    def lost(self, selector):
        if self.session.state == "online":
            emit("offline")
        selector.unregister(self.session.socket)
        self.session.socket.close()
        self.session, self.retry_at = None, time.monotonic() + 0.1

    def connect(self, selector):
        try:
            self.session = Session(self.arguments, self.message)
            selector.register(self.session.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, "stream")
        except OSError:
            self.session, self.retry_at = None, time.monotonic() + 0.1

    def step(self, selector):
        if self.session is None and time.monotonic() >= self.retry_at:
            self.connect(selector)
        if self.session is not None:
            if self.session.state == "online" and self.left:
                self.fill()
            interest = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.session.out else 0)
            selector.modify(self.session.socket, interest, "stream")
        for key, events in selector.select(0.005 if self.left else 0.05):
            if key.data == "orders":
                self.read_orders(key.fd)
                continue
            try:
                if events & selectors.EVENT_READ:
                    self.session.read()
                if events & selectors.EVENT_WRITE:
                    self.session.write()
            except BlockingIOError:
                pass
            except (OSError, expat.ExpatError):
                self.lost(selector)

    def read_orders(self, _):
        data = sys.stdin.buffer.raw.read(1 << 16)
        if not data:
            self.ended = True
            return
        *lines, self.inbox = (self.inbox + data).split(b"\n")
        for line in lines:
            self.order(json.loads(line))


def ranges(numbers):
    """[[first, last], ...] of a set of numbers."""
    out = []
    for n in sorted(numbers):
        if out and out[-1][1] == n - 1:
            out[-1][1] = n
        else:
            out.append([n, n])
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jid", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--resource", default="load")
    load = Load(parser.parse_args())
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin, selectors.EVENT_READ, "orders")
    while not load.ended:
        load.step(selector)


main()
