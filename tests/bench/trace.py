"""Where each millisecond of a turn goes, out of the product's log of a run with one caller.

    trace.py LOG TURNS

The log is written with RUST_LOG=warn,neipix_mesh::db=debug,neipix_mesh::access=info: a line for each transaction and each
rpc with the time it took. Prints the median of each and how often it comes in a turn.
"""

import collections
import re
import statistics
import sys

ANSI = re.compile(r"\x1b\[[0-9;]*m")
TRANSACTION = re.compile(r'transaction="?([\w.]+)"? micros=(\d+)')
# The last one is the line's own: spans around it stand before.
RPC = re.compile(r'.*rpc="?([\w./]+)"? .*duration_ms=([\d.]+)')

log, turns = sys.argv[1], int(sys.argv[2])
times = {"rpc": collections.defaultdict(list), "transaction": collections.defaultdict(list)}
for line in open(log, errors="replace"):
    line = ANSI.sub("", line)
    if found := TRANSACTION.search(line):
        times["transaction"][found[1]].append(int(found[2]) / 1000)
    elif found := RPC.search(line):
        times["rpc"][found[1]].append(float(found[2]))
for kind, rows in times.items():
    print(f"\n| {kind} | a turn | median ms |\n|---|---:|---:|")
    for name, took in sorted(rows.items(), key=lambda row: -statistics.median(row[1]) * len(row[1])):
        if len(took) >= turns / 20:
            print(f"| {name} | {len(took) / turns:.1f} | {statistics.median(took):.2f} |")
