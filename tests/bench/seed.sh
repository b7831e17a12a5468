#!/usr/bin/env bash
# Makes the customers that the load speaks for, on an empty server; `bench.sh` keeps the outcome for later runs.
set -euo pipefail
source "$(dirname "$0")/peers/lib.sh"
trap '"$BENCH/product.sh" stop; "$BENCH/peers/upstream.sh" stop' EXIT
"$BENCH/peers/database.sh"
"$BENCH/peers/upstream.sh"
"$BENCH/product.sh"
psql -qAtX "$PG_URL" -c "select string_agg(body || '.', E'\n\n' order by id) from passages" >"$PERF/run/passages.txt"
python3 "$BENCH/seed.py" 18090 "$PERF/product" "$PERF/product" "$PERF/run/passages.txt" "${WORKSPACES:-16}"
# Some past, and what Postgres learns of tables by itself within the first minutes of use: plans that are made for empty tables
# are no plans. The peers' tables are looked at by their schema.
cp "$PERF"/product/neipix_*.txt "$PERF/run/"
"$BENCH/peers/tokens.sh"
sed "s#@PERF@#$PERF#g" "$BENCH/targets.toml" >"$PERF/run/targets.toml"
"$BUILT/load" "$PERF/run/targets.toml" --only neipix --rounds 1 --seconds 10 --concurrency 16 --json "$PERF/run/past.json" >/dev/null
PGOPTIONS='-c client_min_messages=error' psql -qX "${SERVER%/*}/neipix" -c 'vacuum analyze'
