#!/usr/bin/env bash
# What a release build is optimised for: turns of 16 callers and of one, of a quick provider and of a paced one, and reads.
# Runs on a build that counts, which writes its counts when it ends. Started by `bench.sh`.
#
#   SECONDS_EACH              how long each (8 s)
set -euo pipefail
source "$(dirname "$0")/peers/lib.sh"
SECONDS_EACH=${SECONDS_EACH:-8}
down() { "$BENCH/product.sh" stop; stop upstream; }
trap down EXIT
# Counts of what made the customers are none of a turn.
rm -rf "$PERF/pgo-raw"
cp "$PERF"/product/neipix_*.txt "$PERF/run/"
"$BENCH/peers/upstream.sh"; "$BENCH/peers/tokens.sh"
"$BENCH/product.sh"
head -1 "$PERF/services/postgres/data/postmaster.pid" >"$PERF/run/postgres.pid"
cat "$PERF/services/redis/redis.pid" >"$PERF/run/redis.pid"
python3 "$BENCH/read.py" 18090 "$PERF/run"
sed "s#@PERF@#$PERF#g; s#@WORKSPACE@#$(cat "$PERF/run/read_workspace.txt")#" "$BENCH/targets.toml" >"$PERF/run/targets.toml"
load() { "$BUILT/load" "$PERF/run/targets.toml" --rounds 1 --seconds "$SECONDS_EACH" "$@" >/dev/null; }
load --only neipix --concurrency 1,16
load --only one_process --concurrency 16
UPSTREAM_FIRST_MS=200 UPSTREAM_INTER_MS=5 "$BENCH/peers/upstream.sh" >/dev/null
load --only neipix --concurrency 16
down
# Functions that never ran are left out: they are built as without a record, not as rare ones.
"$("$ROOT/local/scripts/profdata.sh")" merge --sparse -o "$PERF/run/neipix.profdata" "$PERF"/pgo-raw/*.profraw
mkdir -p "$ROOT/local/pgo"
gzip -9nc "$PERF/run/neipix.profdata" >"$ROOT/local/pgo/neipix.profdata.gz"
ls -l "$ROOT/local/pgo/neipix.profdata.gz"
