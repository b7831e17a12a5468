#!/usr/bin/env bash
# The peers' database, made afresh on the server that the product uses too: one server, one set of settings.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
psql -qX "$SERVER" -c 'drop database if exists bench with (force)' -c 'create database bench' 2>/dev/null
psql -qX "$PG_URL" -v ON_ERROR_STOP=1 -f "$BENCH/sql/schema.sql"
psql -qAtX "$PG_URL" -c "select 'peers: passages='||(select count(*) from passages)||' wallets='||(select count(*) from wallets)||' '||(select string_agg(name||'='||setting, ' ') from pg_settings where name in ('fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers'))"
