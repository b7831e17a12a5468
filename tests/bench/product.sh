#!/usr/bin/env bash
# The product in one process, as `make up` starts it, on the database and Redis of the bench.
set -euo pipefail
source "$(dirname "$0")/peers/lib.sh"
[ "${1:-start}" = stop ] && { stop neipix; exit; }
# Its own roles, files and mailbox; only the two servers are given.
for name in AUTH ASSISTANTS BILLING CHATS ADMIN VERIFY; do unset "${name}_DATABASE_URL"; done
unset S3_ENDPOINT S3_PUBLIC_ENDPOINT S3_BUCKET S3_ACCESS_KEY S3_SECRET_KEY SMTP_URL MAILBOX_URL
export EGRESS_ALLOW=127.0.0.0/8 WELCOME_GRANT_MICRO_PIX=1000000000000
launch neipix "$LAUNCHER" up --dir "$PERF/product" --port 18090
# The demo's words come last.
for _ in $(seq 600); do
    grep -q 'Neipix serves' "$PERF/run/neipix.log" && { echo "neipix pid=$(cat "$PERF/run/neipix.pid")"; exit; }
    kill -0 "$(cat "$PERF/run/neipix.pid")" 2>/dev/null || break
    sleep 0.1
done
echo "neipix did not start:"; tail -20 "$PERF/run/neipix.log"; exit 1
