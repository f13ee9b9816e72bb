# SPDX-License-Identifier: Apache-2.0
"""One presence change told to many watchers: through the aggregator both ways, through Prosody and through ejabberd,
one after the other, round after round. Prints one table.

Scripts/benchmark builds what this needs and calls it. Standard library only.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

import servers

DOMAINS = 100


class Presence(servers.Bench):
    def told(self, pids, watchers, *options, counters=()):
        """One run of the generator; what it printed, or an explanation."""
        changes = max(2, int(self.arguments.notifications / watchers))
        command = [self.arguments.load, "--pids", ",".join(map(str, pids)), "--watchers", str(watchers)]
        command += ["--changes", str(changes), "--runs", "1" if counters else "2", *options]
        if counters:
            command += ["--counters", ",".join(map(str, counters))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=500)
        if done.returncode:
            logs = "".join(p.read_text(errors="replace")[-1000:] for p in sorted(self.directory.glob("*.log")))
            raise RuntimeError(done.stderr.strip()[-500:] + "\n" + logs)
        return json.loads(done.stdout)


def imx(bench, watchers):
    """Stanzas to records in the first aggregator, records to stanzas in the second."""
    far = [f"d{i}.b.example" for i in range(DOMAINS)]

    def told(environment, counters=()):
        pids, ports = servers.aggregators(bench, environment, far)
        options = [*servers.between(ports), "--presentity", "alice@a.example", "--at", "b.example"]
        return bench.told(pids, watchers, *options, "--domains", str(DOMAINS), counters=counters)

    result = told({})
    bench.stop_all()
    if bench.arguments.counts:
        counter = bench.directory / "counter"
        environment = {"LD_PRELOAD": str(bench.arguments.allocations), "ALLOCATION_COUNTER": str(counter)}
        result["allocations"] = told(environment, [f"{counter}-north", f"{counter}-south"])["allocations"]
    return result


def prosody(bench, watchers):
    contacts = [f"w{i}@c1.p.example" for i in range(watchers)]
    return through_server(bench, watchers, "p.example", *servers.prosody_server(bench, contacts))


def ejabberd(bench, watchers):
    return through_server(bench, watchers, "e.example", *servers.ejabberd_server(bench, watchers, "c1.e.example"))


def through_server(bench, watchers, domain, pid, component, client):
    return bench.told(
        [pid], watchers, "--from", f"client:{client}:alice@{domain}:{servers.SECRET}",
        "--to", f"dial:{component}:c1.{domain}:{servers.SECRET}",
        "--presentity", f"alice@{domain}", "--at", f"c1.{domain}",
    )  # fmt: skip


BENCHES = {
    "imx": (imx, ["stanza in, IMX record out", "IMX record in, stanza out"]),
    "ejabberd": (ejabberd, ["ejabberd, client to component"]),
    "prosody": (prosody, ["Prosody, client to component"]),
}


def table(best):
    head = ["path", "watchers", "CPU-us each", "told/s", "all know after ms", "allocations", "RSS MB"]
    lines = [head]
    for (name, watchers), result in best.items():
        for i, title in enumerate(BENCHES[name][1]):
            made = f"{result['allocations'][i]:.1f}" if "allocations" in result else "-"
            lines.append(
                [title, f"{watchers:,}", f"{result['cpu_us'][i]:.2f}", f"{result['per_second']:,.0f}",
                 f"{result['all_ms']:.0f}", made, f"{result['rss_mb'][i]:.0f}"]
            )  # fmt: skip
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join("  ".join(cell.rjust(w) if i else cell.ljust(w) for i, (cell, w) in enumerate(zip(line, widths))) for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--load", type=pathlib.Path, required=True)
    parser.add_argument("--allocations", type=pathlib.Path, required=True)
    parser.add_argument("--binaries", type=pathlib.Path, required=True)
    parser.add_argument("--only", action="append", choices=BENCHES)
    parser.add_argument("--watchers", type=int, action="append")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--notifications", type=int, default=100_000, help="of one run")
    parser.add_argument("--no-counts", dest="counts", action="store_false", help="count no allocations")
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    best, failures = {}, []
    for turn in range(arguments.rounds):
        for watchers in arguments.watchers or [1_000, 10_000]:
            for name in arguments.only or BENCHES:
                bench = Presence(arguments)
                try:
                    result = BENCHES[name][0](bench, watchers)
                    key = (name, watchers)
                    print(f"== {turn + 1}: {name}, {watchers:,} watchers: {result}", file=sys.stderr, flush=True)
                    if key not in best or sum(result["cpu_us"]) < sum(best[key]["cpu_us"]):
                        best[key] = result
                except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
                    failures.append(f"{name}, {watchers:,} watchers: {error}")
                finally:
                    bench.close()
    print(
        f"\n{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}; CPU of the process in question for each watcher told, in"
        f"\nthe least disturbed of {arguments.rounds} rounds; {DOMAINS} domains of one peer.\n"
    )
    print(table(dict(sorted(best.items(), key=lambda b: b[0][1]))))
    for failure in failures:
        print(f"\nnot measured: {failure}")
    if arguments.json:
        rows = [{"name": name, **result} for (name, _), result in best.items()]
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
