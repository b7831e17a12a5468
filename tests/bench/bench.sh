#!/usr/bin/env bash
# Seeds once, then runs on a fresh copy of what was seeded. LAUNCHER and PROGRAMS are the product's.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
export PERF=${PERF:-$root/.local/bench}
: "${LAUNCHER:?the program neipix-local}" "${PROGRAMS:?the folder of the programs of the product}"
mkdir -p "$PERF"
began=$SECONDS
# Another schema or another seed needs other data.
key=$(cat "$root"/svc-*/migrations/*/up.sql "$here"/seed.* "$here"/sql/schema.sql | sha256sum | cut -c1-16)
kept=$PERF/seeded-$key
# The launcher's 64 MB of buffers are made for a small installation. Sixteen customers' passages are read from memory here,
# as the peers' are: one setting for both sides, put behind the launcher's own.
buffers=$PERF/postgres-bin
rm -rf "$buffers" && mkdir "$buffers"
for program in "$root"/.local/tools/postgres/bin/*; do ln -s "$program" "$buffers/"; done
rm "$buffers/postgres"
printf '#!/bin/sh\nexec "%s" "$@" -c shared_buffers=512MB\n' "$(readlink -f "$root/.local/tools/postgres/bin/postgres")" >"$buffers/postgres"
chmod 755 "$buffers/postgres" "$buffers"
beside() { "$LAUNCHER" with-services --profile durable --postgres-bin "$buffers" --dir "$PERF/services" -- "$@"; }
if [ ! -e "$kept" ]; then
    rm -rf "$PERF"/seeded-* "$PERF/services" "$PERF/product"
    echo "bench: making the customers, once"
    beside "$here/seed.sh"
    mkdir "$kept.half"
    cp -a "$PERF/services" "$PERF/product" "$kept.half/"
    mv "$kept.half" "$kept"
fi
rm -rf "$PERF/services" "$PERF/product"
cp -a --reflink=auto "$kept/services" "$kept/product" "$PERF/"
beside "$here/${RUN:-run.sh}"
echo "bench: $((SECONDS - began)) s in all"
