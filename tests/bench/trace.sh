#!/usr/bin/env bash
# Turns of one caller, with a log line for each transaction and rpc, summed up. Started by `bench.sh`.
set -euo pipefail
source "$(dirname "$0")/peers/lib.sh"
down() { "$BENCH/product.sh" stop; stop upstream; }
trap down EXIT
cp "$PERF"/product/neipix_*.txt "$PERF/run/"
"$BENCH/peers/upstream.sh"; "$BENCH/peers/tokens.sh"
RUST_LOG=warn,neipix_mesh::db=debug,neipix_mesh::access=info "$BENCH/product.sh"
head -1 "$PERF/services/postgres/data/postmaster.pid" >"$PERF/run/postgres.pid"
cat "$PERF/services/redis/redis.pid" >"$PERF/run/redis.pid"
sed "s#@PERF@#$PERF#g" "$BENCH/targets.toml" >"$PERF/run/targets.toml"
load() { "$BUILT/load" "$PERF/run/targets.toml" --only upstream,neipix --rounds 1 --seconds "$1" --concurrency 1 --json "$PERF/run/trace.json"; }
# The pools' first connections and statements are no part of a turn.
load 3 >/dev/null 2>&1
from=$(wc -l <"$PERF/run/neipix.log")
load "${SECONDS_EACH:-6}"
tail -n "+$((from + 1))" "$PERF/run/neipix.log" >"$PERF/run/trace.log"
# With the turns of the warm-up.
turns=$(grep -c 'chats.settled' "$PERF/run/trace.log")
python3 "$BENCH/trace.py" "$PERF/run/trace.log" "$turns"
