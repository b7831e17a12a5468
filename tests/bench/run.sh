#!/usr/bin/env bash
# One run: the product beside its peers, on one database server with fsync on. Started by `bench.sh`.
#
#   ROUNDS, SECONDS_EACH      how long (7 rounds of 3 s)
#   PEERS                     beside axum_turn (fastapi); `make bench-peers` sets more
#   ONLY                      of turn, paced and read (all)
set -euo pipefail
source "$(dirname "$0")/peers/lib.sh"
ROUNDS=${ROUNDS:-7} SECONDS_EACH=${SECONDS_EACH:-3} ONLY=${ONLY:-turn paced read}
# The two that are compared within a round stand beside each other in it.
read -ra peers <<<"${PEERS-fastapi} axum_turn"
down() {
    "$BENCH/mesh.sh" stop; "$BENCH/product.sh" stop
    for name in "${peers[@]}" axum_read upstream; do "$BENCH/peers/$name.sh" stop; done
}
trap down EXIT
rm -f "$PERF"/run/*.{json,md,txt}
cp "$PERF"/product/neipix_*.txt "$PERF/run/"

"$BENCH/peers/database.sh"
"$BENCH/peers/upstream.sh"
for name in "${peers[@]}"; do "$BENCH/peers/$name.sh"; done
"$BENCH/peers/tokens.sh"
"$BENCH/product.sh"
head -1 "$PERF/services/postgres/data/postmaster.pid" >"$PERF/run/postgres.pid"
cat "$PERF/services/redis/redis.pid" >"$PERF/run/redis.pid"
sleep 3
for name in "${peers[@]}" neipix; do printf '%s %s\n' "$name" "$(memory "$name")"; done >"$PERF/run/rest.txt"

# measure NAME LEVELS TARGET…: its rounds as JSON and as a table.
measure() {
    local name=$1 levels=$2 only; shift 2
    case " $ONLY " in *" $name "*) ;; *) return 0 ;; esac
    python3 "$BENCH/read.py" 18090 "$PERF/run"
    only=$(IFS=,; echo "$*")
    sed "s#@PERF@#$PERF#g; s#@WORKSPACE@#$(cat "$PERF/run/read_workspace.txt")#" "$BENCH/targets.toml" >"$PERF/run/targets.toml"
    "$BUILT/load" "$PERF/run/targets.toml" --only "$only" --rounds "$ROUNDS" --seconds "$SECONDS_EACH" \
        --concurrency "$levels" --json "$PERF/run/$name.json" >"$PERF/run/$name.md"
}
measure turn 1,16 upstream "${peers[@]}" neipix
UPSTREAM_FIRST_MS=200 UPSTREAM_INTER_MS=5 "$BENCH/peers/upstream.sh" >/dev/null
measure paced 16 upstream axum_turn neipix
case " $ONLY " in *" read "*) "$BENCH/mesh.sh"; "$BENCH/peers/axum_read.sh" ;; esac
measure read 16 axum_read direct edge one_process
cat "$PERF"/run/*.md
python3 "$BENCH/summary.py" "$PERF/run"
