#!/usr/bin/env bash
# The read of one row in bare axum, on the product's own table.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
[ "${1:-start}" = stop ] && { stop axum_read; exit; }
export DATABASE_URL=$SERVER
launch axum_read "$BUILT/axum_read"
healthy axum_read http://127.0.0.1:18089/health 10
