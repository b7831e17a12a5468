#!/usr/bin/env bash
# The product under turns of 16 callers, sampled, as a flame graph. Started by `bench.sh`.
#
#   CALLERS, SECONDS_EACH     16 callers, 10 s sampled
set -euo pipefail
source "$(dirname "$0")/peers/lib.sh"
SECONDS_EACH=${SECONDS_EACH:-10} CALLERS=${CALLERS:-16}
down() { "$BENCH/product.sh" stop; stop upstream; }
trap down EXIT
cp "$PERF"/product/neipix_*.txt "$PERF/run/"
"$BENCH/peers/upstream.sh"; "$BENCH/peers/tokens.sh"
# With the names of its functions.
HUGE_TEXT=0 "$BENCH/product.sh"
head -1 "$PERF/services/postgres/data/postmaster.pid" >"$PERF/run/postgres.pid"
cat "$PERF/services/redis/redis.pid" >"$PERF/run/redis.pid"
sed "s#@PERF@#$PERF#g" "$BENCH/targets.toml" >"$PERF/run/targets.toml"
"$BUILT/load" "$PERF/run/targets.toml" --only neipix --rounds 1 --seconds $((SECONDS_EACH + 4)) --concurrency "$CALLERS" >/dev/null &
load=$!
# Past the pools' first connections.
sleep 4
perf record --quiet -o "$PERF/run/perf.data" -F 199 --call-graph dwarf,16384 -p "$(cat "$PERF/run/neipix.pid")" -- sleep "$SECONDS_EACH"
wait "$load"
down
out=$PERF/flame.svg
perf script -i "$PERF/run/perf.data" --no-inline 2>/dev/null | "$BUILT/flame" "a turn, $CALLERS callers" >"$out"
echo "profile: $out, opened in any browser"
