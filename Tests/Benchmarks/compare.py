# SPDX-License-Identifier: Apache-2.0
"""Runs the aggregator and the incumbents under the same load, one after the other, and prints one table.

Scripts/benchmark builds what this needs and calls it. Standard library only.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import time

from servers import FULL_GATE, NO_GATE, SECRET, Bench, aggregators, between, counted, ejabberd_server, prosody_server


class Load(Bench):
    """With the generator of messages."""

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


def prosody(bench):
    """Component to component through Prosody."""
    return through_server(bench, *prosody_server(bench)[:2], "p.example", 40_000)


def ejabberd(bench):
    """Component to component through ejabberd."""
    return through_server(bench, *ejabberd_server(bench)[:2], "e.example", 80_000)


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


def xmpp(bench, gate=NO_GATE):
    """Two aggregators between two component links: XMPP to IMX in the first, IMX to XMPP in the second."""

    def serve(environment):
        pids, ports = aggregators(bench, environment, ["b.example"], gate)
        return pids, [
            *between(ports), "--sender", "alice@a.example/r", "--recipient", "bob@b.example/r",
        ]  # fmt: skip

    return measured(bench, serve, 200_000, 2000, ["XMPP component to IMX", "IMX to XMPP component"], names=["north", "south"])


def gate(bench):
    """What rules and budgets cost: the same with all of them, and without, in turn."""
    best = {}
    for _ in range(3):
        for name, settings in (("without rules and budgets", NO_GATE), ("with all of them", FULL_GATE)):
            rows = xmpp(bench, settings)
            bench.stop_all()
            cost = sum(r["cpu_us"] for r in rows)
            if name not in best or cost < best[name][0]:
                best[name] = (cost, [{**r, "title": f"{r['title']}, {name}"} for r in rows])
    return [row for _, rows in best.values() for row in rows]


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
    "gate": (gate, "XMPP to IMX to XMPP, with and without rules and budgets"),
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
    for name in arguments.only or [b for b in BENCHES if b != "gate"]:
        function, title = BENCHES[name]
        print(f"== {title}", file=sys.stderr, flush=True)
        bench = Load(arguments)
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


if __name__ == "__main__":
    main()
