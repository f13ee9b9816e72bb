# SPDX-License-Identifier: Apache-2.0
"""Runs the aggregator and the incumbents under the same load, one after the other, and prints one table.

Scripts/benchmark builds what this needs and calls it. Standard library only.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PEERS = HERE.parent / "Peers"
SECRET = "a-secret-of-benchmarks"
SERVER_LIBRARIES = "/usr/lib/x86_64-linux-gnu:/usr/lib/aarch64-linux-gnu"


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

    def load(self, pids, count, *options, counters=(), latency=None):
        """One run of the generator; what it printed, or an explanation."""
        command = [self.arguments.load, "--pids", ",".join(map(str, pids)), "--count", str(count), *options]
        command += ["--runs", "1" if counters else str(self.arguments.runs)]
        command += ["--latency-seconds", str(self.arguments.latency_seconds if latency is None else latency)]
        if counters:
            command += ["--counters", ",".join(map(str, counters))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise RuntimeError(done.stderr.strip()[-500:])
        return json.loads(done.stdout)

    def scaled(self, count):
        return max(2000, int(count * self.arguments.scale))


def template(name, values):
    text = (PEERS / name).read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    return text


def prosody(bench):
    """Component to component through Prosody."""
    home = bench.directory / "prosody"
    (home / "data").mkdir(parents=True)
    client, component = bench.port(), bench.port()
    parts = "".join(
        f'Component "{c}.p.example"\n  component_secret = "{SECRET}"\n  validate_from_addresses = false\n'
        for c in ("c1", "c2")
    )
    values = {"DIRECTORY": home, "LOGLEVEL": "warn", "PLUGINS": "", "C2S": client, "COMPONENT": component}
    values |= {"DOMAIN": "p.example", "HOST_SETTINGS": "", "COMPONENTS": parts}
    (home / "prosody.cfg.lua").write_text(template("prosody.cfg.lua.in", values))
    pid = bench.start("prosody", ["prosody", "--config", home / "prosody.cfg.lua"], ports=[client, component])
    return through_server(bench, pid, component, "p.example", 40_000)


def ejabberd(bench):
    """Component to component through ejabberd."""
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
    pid = bench.start("ejabberd", command, environment, ports=[client, component])
    return through_server(bench, pid, component, "e.example", 80_000)


def through_server(bench, pid, component, domain, count):
    result = bench.load(
        [pid], bench.scaled(count),
        "--from", f"dial:{component}:c1.{domain}:{SECRET}", "--to", f"dial:{component}:c2.{domain}:{SECRET}",
        "--sender", f"alice@c1.{domain}/r", "--recipient", f"bob@c2.{domain}/r",
    )  # fmt: skip
    return [row(None, result, 0)]


def echo(bench):
    """The least that NIO can do: a record of 250 octets is cut and sent back."""

    def serve(environment):
        port = bench.port()
        pid = bench.start("record-echo", [bench.arguments.binaries / "record-echo", port], environment, ports=[port])
        return [pid], ["--from", f"records:{port}:-:-"]

    return measured(bench, serve, 2_000_000, 1000, [None])


def xmpp(bench):
    """Two aggregators between two component links: XMPP to IMX in the first, IMX to XMPP in the second."""

    def serve(environment):
        ports = {name: (bench.port(), bench.port()) for name in ("north", "south")}
        pids = []
        for name, domain, other in (("north", "a", "south"), ("south", "b", "north")):
            listen, component = ports[name]
            text = f"""
name: {name}
listen: [ "127.0.0.1:{listen}" ]
state-directory: {bench.directory}/{name}-{listen}
log: {{ level: warning }}
dns: {{ resolver: off }}
classes: {{ default: {{ lane-messages: 65536, lane-octets: 64MiB, budgets: {{ sender-burst: 0 }} }} }}
peers: {{ {"b" if domain == "a" else "a"}.example: [ "127.0.0.1:{ports[other][0]}" ] }}
timeouts: {{ reconnect: 100ms, reconnect-most: 1s }}
adapters:
  office: {{ kind: xmpp, server: "127.0.0.1:{component}", component: imx.{domain}.example,
            secret: {{ env: IMX_BENCHMARK_SECRET }}, form: native, reconnect: 100ms, reconnect-most: 500ms }}
domains: {{ {domain}.example: {{ adapter: office }} }}
"""
            file = bench.directory / f"{name}-{listen}.yaml"
            file.write_text(text)
            command = [bench.arguments.binaries / "imx", "serve", "--config", file]
            own = {"IMX_BENCHMARK_SECRET": SECRET, **counted(environment, name)}
            pids.append(bench.start(name, command, own, ports=[listen]))
        return pids, [
            "--from", f"accept:{ports['north'][1]}:imx.a.example:{SECRET}",
            "--to", f"accept:{ports['south'][1]}:imx.b.example:{SECRET}",
            "--sender", "alice@a.example/r", "--recipient", "bob@b.example/r",
        ]  # fmt: skip

    return measured(bench, serve, 200_000, 2000, ["XMPP component to IMX", "IMX to XMPP component"], names=["north", "south"])


def counted(environment, name):
    """The environment for one process, its allocation counter in a file of its own."""
    if "ALLOCATION_COUNTER" not in environment:
        return environment
    return {**environment, "ALLOCATION_COUNTER": f"{environment['ALLOCATION_COUNTER']}-{name}"}


def measured(bench, serve, count, window, titles, names=()):
    """Measures once as it is, and once more with the allocations counted."""
    pids, options = serve({})
    result = bench.load(pids, bench.scaled(count), "--window", str(window), *options)
    bench.stop_all()
    counter = bench.directory / f"counter-{random.randrange(1 << 30)}"
    files = [f"{counter}-{n}" for n in names] or [counter]
    environment = {"LD_PRELOAD": str(bench.arguments.allocations), "ALLOCATION_COUNTER": str(counter)}
    pids, options = serve(environment)
    again = bench.load(
        pids, bench.scaled(count) // 4, "--window", str(window), *options, counters=files, latency=0
    )  # fmt: skip
    result["allocations"] = again["allocations"]
    return [row(title, result, i) for i, title in enumerate(titles)]


class Orders:
    """A process that takes orders on its standard input and answers each with a JSON line."""

    def __init__(self, bench, name, command, environment):
        log = open(bench.directory / f"{name}.log", "wb")
        self.process = subprocess.Popen(
            [str(c) for c in command], cwd=bench.directory, env={**os.environ, **environment}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,
        )  # fmt: skip
        bench.processes.append(self.process)
        self.pid = self.process.pid
        self.answer()

    def order(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("imx-pair ended")
        return json.loads(line)


def cpu_us(pid):
    """CPU time of all threads so far."""
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((t / "schedstat").read_text().split()[0]) for t in tasks) / 1000


def rss_mb(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def pair(bench):
    """Two aggregators in two processes, a stub of an adapter in each, and IMX between them."""
    binary = bench.arguments.binaries / "imx-pair"

    def start(environment):
        ports = bench.port(), bench.port()
        sink = Orders(bench, "sink", [binary, "sink", ports[1], ports[0]], counted(environment, "sink"))
        return Orders(bench, "source", [binary, "source", *ports], counted(environment, "source")), sink

    def run(source, count, rate=0):
        answer = source.order(count, 2000, rate)
        if answer["undelivered"]:
            raise RuntimeError(f"{answer['undelivered']} of {count} messages were not delivered")
        return answer

    source, sink = start({})
    count = bench.scaled(1_000_000)
    run(source, count // 5)
    best = {}
    for _ in range(bench.arguments.runs):
        before = [cpu_us(p.pid) for p in (source, sink)]
        answer = run(source, count)
        cpu = [(cpu_us(p.pid) - b) / count for p, b in zip((source, sink), before)]
        if not best or sum(cpu) < sum(best["cpu_us"]):
            best |= {"cpu_us": cpu}
        best["per_second"] = max(best.get("per_second", 0), count / answer["seconds"])
    rate = int(best["per_second"] / 2)
    latency = run(source, rate * bench.arguments.latency_seconds, rate)
    best |= {"p50_ms": latency["p50_ms"], "p99_ms": latency["p99_ms"]}
    best["rss_mb"] = [rss_mb(p.pid) for p in (source, sink)]
    bench.stop_all()

    counter = bench.directory / "counter"
    files = [bench.directory / f"counter-{n}" for n in ("source", "sink")]
    again = start({"LD_PRELOAD": str(bench.arguments.allocations), "ALLOCATION_COUNTER": str(counter)})
    run(again[0], count // 5)
    before = [int.from_bytes(f.read_bytes()[:8], sys.byteorder) for f in files]
    run(again[0], count // 5)
    after = [int.from_bytes(f.read_bytes()[:8], sys.byteorder) for f in files]
    best["allocations"] = [(a - b) / (count // 5) for a, b in zip(after, before)]
    return [row("IMX to IMX, sending side", best, 0), row("IMX to IMX, receiving side", best, 1)]


def row(title, result, index):
    pick = lambda name: result.get(name, [None] * (index + 1))[index]
    return {
        "title": title, "cpu_us": pick("cpu_us"), "per_second": result["per_second"],
        "p50_ms": result.get("p50_ms"), "p99_ms": result.get("p99_ms"), "allocations": pick("allocations"),
        "rss_mb": pick("rss_mb"), "generator_us": result.get("generator_us"),
    }  # fmt: skip


BENCHES = {
    "imx": (pair, "IMX to IMX, two aggregators with stub adapters"),
    "xmpp": (xmpp, "XMPP component to IMX to XMPP component, two aggregators"),
    "ejabberd": (ejabberd, "ejabberd, component to component"),
    "prosody": (prosody, "Prosody, component to component"),
    "echo": (echo, "NIO record echo"),
}


def table(rows):
    head = ["path", "CPU-us", "messages/s", "p50 ms", "p99 ms", "allocations", "RSS MB", "generator us"]
    keys = ["cpu_us", "per_second", "p50_ms", "p99_ms", "allocations", "rss_mb", "generator_us"]
    places = [2, 0, 3, 3, 2, 1, 2]
    cells = [head] + [
        [r["title"]] + ["-" if r[k] is None else f"{r[k]:,.{p}f}" for k, p in zip(keys, places)] for r in rows
    ]
    widths = [max(len(c[i]) for c in cells) for i in range(len(head))]
    lines = ["  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths))) for r in cells]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--load", type=pathlib.Path, required=True)
    parser.add_argument("--allocations", type=pathlib.Path, required=True)
    parser.add_argument("--binaries", type=pathlib.Path, required=True)
    parser.add_argument("--only", action="append", choices=BENCHES)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--latency-seconds", type=int, default=4)
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    rows, failures = [], []
    for name in arguments.only or BENCHES:
        function, title = BENCHES[name]
        print(f"== {title}", file=sys.stderr, flush=True)
        bench = Bench(arguments)
        try:
            for result in function(bench):
                rows.append({**result, "title": result["title"] or title})
        except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
            failures.append(f"{title}: {error}")
        finally:
            bench.close()
    print(
        f"\n{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}; messages of 250 octets; CPU of the process in question"
        f"\nin the least disturbed of {arguments.runs} runs; latency from end to end at half the rate.\n"
    )
    print(table(rows))
    for failure in failures:
        print(f"\nnot measured: {failure}")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    sys.exit(1 if failures else 0)


main()
