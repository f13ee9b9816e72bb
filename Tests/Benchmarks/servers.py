# SPDX-License-Identifier: Apache-2.0
"""The processes that benchmarks put under load: aggregators, Prosody, ejabberd."""

import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PEERS = HERE.parent / "Peers"
SECRET = "a-secret-of-benchmarks"
SERVER_LIBRARIES = "/usr/lib/x86_64-linux-gnu:/usr/lib/aarch64-linux-gnu"


# Nobody is counted; the rest is the default.
NO_GATE = "classes: { default: { lane-messages: 65536, lane-octets: 64MiB, budgets: { sender-burst: 0 } } }"
# Every budget is counted and none is ever spent, strangers are looked at, and rules are asked.
FULL_GATE = """
classes: { default: { lane-messages: 65536, lane-octets: 64MiB, first-contact: limit, budgets: {
  sender-burst: 100000000, sender-per-minute: 100000000, domain-burst: 100000000, domain-per-minute: 100000000,
  recipient-burst: 100000000, recipient-per-minute: 100000000, strangers-burst: 100000000,
  strangers-per-minute: 100000000 } } }
rules:
  - { action: message, owner: @OWN@, party: mallory@b.example, verdict: deny }
  - { action: message, owner: @OWN@, party: mallory@a.example, verdict: deny }
  - { action: message, party: .elsewhere.example, verdict: deny }
  - { action: message, owner: @OWN@, verdict: allow }
"""


class Bench:
    """Processes and files of one run; everything ends with it."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="imx-benchmark-"))
        self.processes = []
        self.ports = set()

    def close(self):
        self.stop_all()
        shutil.rmtree(self.directory, ignore_errors=True)

    def stop_all(self):
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.processes.clear()

    def port(self):
        """A free port below the range that the kernel gives to outgoing connections."""
        while True:
            port = random.randrange(20000, 32000)
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            if port not in self.ports:
                self.ports.add(port)
                return port

    def start(self, name, command, environment=None, ports=()):
        log = open(self.directory / f"{name}.log", "wb")
        process = subprocess.Popen(
            [str(c) for c in command], cwd=self.directory, env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        self.processes.append(process)
        for port in ports:
            self.await_port(name, process, port)
        return process.pid

    def await_port(self, name, process, port):
        end = time.monotonic() + 30
        while time.monotonic() < end and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        tail = (self.directory / f"{name}.log").read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{name} does not answer on port {port}\n{tail}")


def template(name, values):
    text = (PEERS / name).read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    return text


def prosody_server(bench, contacts=()):
    """Its process, component port and client port; alice's password is the secret, and her contacts see her."""
    home = bench.directory / "prosody"
    folder = home / "data/p%2eexample"
    for name in ("accounts", "roster"):
        (folder / name).mkdir(parents=True)
    (folder / "accounts/alice.dat").write_text(f'return {{ ["password"] = "{SECRET}" }};\n')
    rows = "".join(f'  ["{c}"] = {{ ["subscription"] = "from"; ["groups"] = {{}}; }};\n' for c in contacts)
    (folder / "roster/alice.dat").write_text(f'return {{\n  [false] = {{ ["version"] = 1; }};\n{rows}}};\n')
    client, component = bench.port(), bench.port()
    parts = "".join(
        f'Component "{c}.p.example"\n  component_secret = "{SECRET}"\n  validate_from_addresses = false\n'
        for c in ("c1", "c2")
    )
    values = {"DIRECTORY": home, "LOGLEVEL": "warn", "PLUGINS": "", "C2S": client, "COMPONENT": component}
    values |= {"DOMAIN": "p.example", "HOST_SETTINGS": "", "COMPONENTS": parts}
    (home / "prosody.cfg.lua").write_text(template("prosody.cfg.lua.in", values))
    pid = bench.start("prosody", ["prosody", "--config", home / "prosody.cfg.lua"], ports=[client, component])
    return pid, component, client


def ejabberd_server(bench, contacts=0, at=""):
    """Its process, component port and client port; alice's password is the secret, and w0, w1, ... at `at` see her."""
    home = bench.directory / "ejabberd"
    (home / "log").mkdir(parents=True)
    client, component = bench.port(), bench.port()
    parts = "\n".join(f'      "{c}.e.example": {{ password: "{SECRET}" }}' for c in ("c1", "c2"))
    values = {"LOGLEVEL": "warning", "DOMAIN": "e.example", "C2S": client, "COMPONENT": component}
    values |= {"GLOBAL_ROUTES": "false", "COMPONENTS": parts}
    (home / "ejabberd.yml").write_text(template("ejabberd.yml.in", values))
    environment = {
        "EJABBERD_CONFIG_PATH": str(home / "ejabberd.yml"), "EJABBERD_LOG_PATH": str(home / "log/ejabberd.log"),
        "ERL_INETRC": str(PEERS / "inetrc"), "ERL_LIBS": SERVER_LIBRARIES, "ERL_CRASH_DUMP_BYTES": "0",
        "HOME": str(home),
    }  # fmt: skip
    command = ["erl", "+K", "true", "-mnesia", "dir", f'"{home}/db"', "-s", "ejabberd", "-noinput"]
    if contacts:
        command += ["-eval", CONTACTS % (SECRET, at, contacts - 1)]
    pid = bench.start("ejabberd", command, environment, ports=[client, component])
    end = time.monotonic() + 60
    while contacts and not (bench.directory / "ready").exists():
        if time.monotonic() > end:
            raise RuntimeError("ejabberd did not take the contact list")
        time.sleep(0.1)
    return pid, component, client


# Erlang that makes alice's account and contact list as soon as the server can, and then leaves the file "ready". The
# record is that of mod_roster in 23.01.
CONTACTS = """
F = fun F(0) -> ok; F(N) -> case catch (fun() ->
  ok = case ejabberd_auth:try_register(<<"alice">>, <<"e.example">>, <<"%s">>) of {error, exists} -> ok; O -> O end,
  ok = mnesia:wait_for_tables([roster], 30000),
  S = <<"e.example">>, A = <<"%s">>,
  [begin W = iolist_to_binary([<<"w">>, integer_to_binary(I)]), J = {W, A, <<>>},
    ok = mnesia:dirty_write({roster, {<<"alice">>, S, J}, {<<"alice">>, S}, J, <<>>, from, none, [], <<>>, []}) end
    || I <- lists:seq(0, %d)], ok end)() of
  ok -> file:write_file("ready", <<>>); E -> io:format("~p~n", [E]), timer:sleep(200), F(N - 1) end end, F(200).
""".replace("\n", " ")


def aggregators(bench, environment, far, gate=NO_GATE):
    """North with a.example, south with the domains `far`; the processes, and the ports of their component links."""
    ports = {name: (bench.port(), bench.port()) for name in ("north", "south")}
    pids = []
    for name, own, theirs, other in (("north", ["a.example"], far, "south"), ("south", far, ["a.example"], "north")):
        listen, component = ports[name]
        peers = ", ".join(f'{domain}: [ "127.0.0.1:{ports[other][0]}" ]' for domain in theirs)
        domains = ", ".join(f"{domain}: {{ adapter: office }}" for domain in own)
        text = f"""
name: {name}
listen: [ "127.0.0.1:{listen}" ]
state-directory: {bench.directory}/{name}-{listen}
log: {{ level: warning }}
dns: {{ resolver: off }}
{gate.replace("@OWN@", own[0])}
peers: {{ {peers} }}
timeouts: {{ reconnect: 100ms, reconnect-most: 1s }}
adapters:
  office: {{ kind: xmpp, server: "127.0.0.1:{component}", component: imx.{name}.example,
            secret: {{ env: IMX_BENCHMARK_SECRET }}, form: native, reconnect: 100ms, reconnect-most: 500ms }}
domains: {{ {domains} }}
"""
        file = bench.directory / f"{name}-{listen}.yaml"
        file.write_text(text)
        command = [bench.arguments.binaries / "imx", "serve", "--config", file]
        own = {"IMX_BENCHMARK_SECRET": SECRET, **counted(environment, name)}
        pids.append(bench.start(name, command, own, ports=[listen]))
    return pids, [component for _, component in ports.values()]


def between(ports):
    """The generator on both sides of the two aggregators."""
    ends = zip(("--from", "--to"), ports, ("north", "south"))
    return [word for option, port, name in ends for word in (option, f"accept:{port}:imx.{name}.example:{SECRET}")]


def counted(environment, name):
    """The environment for one process, its allocation counter in a file of its own."""
    if "ALLOCATION_COUNTER" not in environment:
        return environment
    return {**environment, "ALLOCATION_COUNTER": f"{environment['ALLOCATION_COUNTER']}-{name}"}
