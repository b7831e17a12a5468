"""The figures that matter, ours beside the peers', from the rounds of one run.

    summary.py RUN_DIR
"""

import json
import os
import pathlib
import statistics
import sys

RUN = pathlib.Path(sys.argv[1])


def rounds(name):
    path = RUN / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else []


class Level:
    """The samples of one number of callers."""

    def __init__(self, samples, callers):
        self.samples = [s for s in samples if s["concurrency"] == callers]

    def median(self, target, field):
        values = [field(s) for s in self.samples if s["target"] == target]
        return statistics.median(values) if values else float("nan")

    def added(self, target):
        """Over a bare call of the provider, paired within a round: what the noise did to both cancels."""
        base = {s["round"]: s["ttft_p50"] for s in self.samples if s["target"] == "upstream"}
        return self.median_of(s["ttft_p50"] - base[s["round"]] for s in self.samples if s["target"] == target)

    @staticmethod
    def median_of(values):
        values = list(values)
        return statistics.median(values) if values else float("nan")

    def paired(self, field):
        """Ours to axum_turn's within each round, the median of that: what was slow for a while was so for both."""
        peer = {s["round"]: field(s) for s in self.samples if s["target"] == "axum_turn"}
        return self.median_of(field(s) / peer[s["round"]] for s in self.samples if s["target"] == "neipix")

    def rps(self, target):
        return self.median(target, lambda s: s["rps"])

    def cpu(self, target):
        return self.median(target, lambda s: s["cpu_ms"])

    def shared(self, target, name):
        return self.median(target, lambda s: s["shared_cpu_ms"].get(name, 0.0))

    def has(self, target):
        return any(s["target"] == target for s in self.samples)

    def errors(self):
        return sum(s["errors"] for s in self.samples)


def verdict(value, reached, aimed, most):
    fits = (lambda bound: value <= bound) if most else (lambda bound: value >= bound)
    return "aimed" if fits(aimed) else "reached" if fits(reached) else "MISSED"


def row(what, ours, peer, ratio, reached=None, aimed=None, most=True):
    sign = "≤" if most else "≥"
    bound = "" if reached is None else f"{sign} {reached} (aim {sign} {aimed})"
    said = "" if reached is None else verdict(ratio, reached, aimed, most)
    print(f"| {what} | {ours} | {peer} | {ratio:.2f} | {bound} | {said} |")


def turn():
    samples = rounds("turn")
    if not samples:
        return
    level, one, paced = Level(samples, 16), Level(samples, 1), Level(rounds("paced"), 16)
    print("\n## A turn, 16 callers: ours against axum_turn (medians of interleaved rounds, turns/s and CPU compared within each)\n")
    print("| figure | neipix | axum_turn | ratio | bound | |\n|---|---:|---:|---:|---|---|")
    ms = "{:.2f} ms".format

    def added(what, level, reached, aimed):
        ours, peer = level.added("neipix"), level.added("axum_turn")
        row(what, ms(ours), ms(peer), ours / peer, reached, aimed)

    added("added first token", level, 2.0, 1.3)
    if paced.samples:
        added("added first token, paced provider", paced, 1.5, 1.3)
    row("turns/s", f"{level.rps('neipix'):.0f}", f"{level.rps('axum_turn'):.0f}", level.paired(lambda s: s["rps"]), 0.4, 0.6, most=False)
    row("CPU of our processes a turn", ms(level.cpu("neipix")), ms(level.cpu("axum_turn")), level.paired(lambda s: s["cpu_ms"]), 4.0, 3.0)
    for name in ("postgres", "redis"):
        ours, peer = level.shared("neipix", name), level.shared("axum_turn", name)
        row(f"CPU of {name} a turn", ms(ours), ms(peer), ours / peer if peer > 0.001 else float("nan"))
    added("added first token, 1 caller", one, None, None)
    cores = os.cpu_count()
    ceiling = lambda target: 1000 * cores / level.shared(target, "postgres")
    print(f"\nWhat Postgres alone allows with the same statements ({cores} cores ÷ its CPU a turn): "
          f"neipix {ceiling('neipix'):.0f} turns/s, axum_turn {ceiling('axum_turn'):.0f}.")
    for peer in sorted({s["target"] for s in level.samples} - {"neipix", "neipix_hot", "axum_turn", "upstream"}):
        print(f"Against {peer}: added first token {level.added('neipix') / level.added(peer):.2f} of its, "
              f"turns/s {level.rps('neipix') / level.rps(peer):.2f}×, CPU {level.cpu('neipix') / level.cpu(peer):.2f} of its.")
    print(f"Errors: {level.errors() + one.errors() + paced.errors()}")


def read():
    samples = rounds("read")
    if not samples:
        return
    level = Level(samples, 16)
    print("\n## A read of one row, 16 callers\n")
    print("| | requests/s | p99 ms | CPU ms | ÷ direct | ÷ bare axum |\n|---|---:|---:|---:|---:|---:|")
    for name in ("axum_read", "direct", "edge", "one_process"):
        if level.has(name):
            rps, p99 = level.rps(name), level.median(name, lambda s: s["total_p99"])
            print(f"| {name} | {rps:.0f} | {p99:.1f} | {level.cpu(name):.3f} | {rps / level.rps('direct'):.2f} | {rps / level.rps('axum_read'):.2f} |")
    edge, inside = level.rps("edge") / level.rps("direct"), level.rps("one_process") / level.rps("direct")
    print(f"\nREST through the edge ÷ the rpc called directly: over a socket {edge:.2f} (≥ 0.5: {verdict(edge, 0.5, 0.7, False)}), "
          f"in one process {inside:.2f} (≥ 0.65: {verdict(inside, 0.65, 0.8, False)}).")


def rest():
    path = RUN / "rest.txt"
    if path.exists():
        print("\n## Resident memory at rest, MiB (without Postgres and Redis; ours < 100)\n")
        print(", ".join(path.read_text().split("\n")).rstrip(", "))


turn()
read()
rest()
