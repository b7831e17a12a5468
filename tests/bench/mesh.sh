#!/usr/bin/env bash
# The parts that a read of the wallet passes as processes of their own: svc-auth (keys), svc-billing, an edge. Without
# certificates, on the loopback, since the load speaks plain HTTP/2 to svc-billing too.
set -euo pipefail
source "$(dirname "$0")/peers/lib.sh"
[ "${1:-start}" = stop ] && { for name in mesh_edge mesh_billing mesh_auth; do stop "$name"; done; exit; }
: "${PROGRAMS:?the folder of the product\'s programs}"
secret() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$PERF/product/secrets.json" "$1"; }
for name in SEAL_KEYS REFRESH_KEYS PAGE_TOKEN_KEYS; do export "$name=$(secret $name)"; done
at() { sed -E "s#//[^@]+@#//$1:$(secret "$1")@#" <<<"$SERVER"; }
AUTH_DATABASE_URL=$(at auth_service) BILLING_DATABASE_URL=$(at billing_service)
export AUTH_DATABASE_URL BILLING_DATABASE_URL
unset DATABASE_URL S3_ENDPOINT S3_PUBLIC_ENDPOINT SMTP_URL MAILBOX_URL
# The same names as the one process has: its tokens are good here.
for name in app admin api widget files; do export "${name^^}_ORIGIN=http://$name.localhost:18090"; done
export AUTH_ISSUER=http://api.localhost:18090 RUST_LOG=warn NEIPIX_ENV=local
export AUTH_ADDRS=127.0.0.1:18100 BILLING_ADDRS=127.0.0.1:18101
GRPC_ADDR=127.0.0.1:18100 OPS_ADDR=127.0.0.1:18110 launch mesh_auth "$PROGRAMS/svc-auth"
GRPC_ADDR=127.0.0.1:18101 OPS_ADDR=127.0.0.1:18111 launch mesh_billing "$PROGRAMS/svc-billing"
HTTP_ADDR=127.0.0.1:18102 OPS_ADDR=127.0.0.1:18112 launch mesh_edge "$PROGRAMS/neipix-edge"
for part in auth:18110 billing:18111 edge:18112; do healthy "mesh_${part%:*}" "http://127.0.0.1:${part#*:}/readyz" 20; done
