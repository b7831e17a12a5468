#!/usr/bin/env bash
# Makes the customers that the load speaks for, on an empty server; `bench.sh` keeps the outcome for later runs.
set -euo pipefail
source "$(dirname "$0")/peers/lib.sh"
trap '"$BENCH/product.sh" stop' EXIT
"$BENCH/peers/database.sh"
"$BENCH/product.sh"
psql -qAtX "$PG_URL" -c "select string_agg(body || '.', E'\n\n' order by id) from passages" >"$PERF/run/passages.txt"
python3 "$BENCH/seed.py" 18090 "$PERF/product" "$PERF/product" "$PERF/run/passages.txt" "${WORKSPACES:-16}"
psql -qX "$SERVER" -c 'vacuum analyze assistants.passage'
