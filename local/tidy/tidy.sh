#!/usr/bin/env bash
# Everything that can be said of the code without running it. Fails on the first kind of sin and says how to mend it.
#   tidy.sh            all checks
#   tidy.sh --selftest plants a sin of each kind in a scratch copy and expects it to be found
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
tools=$root/.local/tools/tidy
python=${PYTHON:-python3}

install_tools() {
  local stamp=$tools/stamp
  if [ -f "$stamp" ] && cmp -s "$stamp" local/tidy/tools.txt; then return; fi
  rm -rf "$tools"
  mkdir -p "$tools"
  "$python" -m pip install --quiet --no-deps --only-binary :all: --require-hashes --target "$tools/lib" -r local/tidy/tools.txt
  cp local/tidy/tools.txt "$stamp"
}

tool() { # The scripts of wheels land in bin below the target.
  local name=$1
  shift
  "$tools/lib/bin/$name" "$@"
}

say() { printf 'tidy: %s\n' "$*"; }
fail() {
  printf 'tidy: %s\n' "$*" >&2
  exit 1
}

check_rust() {
  cargo fmt --all --check >/dev/null || fail "rustfmt: run 'cargo fmt --all'"
  cargo clippy --workspace --all-targets --quiet -- -D warnings || fail "clippy: see above"
}

check_dependencies() {
  tool cargo-deny --log-level error check bans licenses sources || fail "cargo deny: see above"
}

check_protos() {
  (cd proto && tool buf lint) || fail "buf lint: see above"
  (cd proto && tool buf format --exit-code >/dev/null) || fail "buf format: run 'buf format -w' in proto/"
  (cd proto && tool buf breaking --against published.binpb) || fail "buf breaking: a published proto changes only compatibly"
}

check_words() {
  tool typos --config local/tidy/typos.toml || fail "typos: mend, or list the word in local/tidy/typos.toml"
}

check_shell() {
  local scripts
  mapfile -t scripts < <(git ls-files -co --exclude-standard -- '*.sh' '.ci/run' ':!tests/bench/**')
  tool shellcheck --severity=warning "${scripts[@]}" || fail "shellcheck: see above"
}

check_sizes() {
  local long
  long=$(git ls-files -co --exclude-standard -- '*.rs' ':!tests/bench/**' | while read -r f; do
    [ -f "$f" ] && wc -l "$f"
  done | awk '$1 > 500 {print $2 " (" $1 " lines)"}')
  [ -z "$long" ] || fail "files above 500 lines, split them by noun: $long"
}

# Four floors, and no arrow runs up: local -> edge and services -> mesh -> proto.
check_floors() {
  local up
  up=$(for crate in proto infra/mesh infra/testdb; do grep -HnE '^(svc-[a-z]+|neipix-(edge|local|cli|tests))\b' "$crate/Cargo.toml" || true; done
    grep -HnE '^neipix-mesh\b' proto/Cargo.toml || true
    for crate in edge svc-*; do
      grep -HnE '^(svc-[a-z]+|neipix-(edge|local|cli|tests))\b' "$crate/Cargo.toml" || true
    done
    grep -HnE '^(svc-[a-z]+|neipix-(mesh|edge|local|tests))\b' cli/Cargo.toml || true)
  [ -z "$up" ] || fail "an import runs up: $up"
  local clients
  clients=$(git grep -nE 'reqwest::|hyper_util::client' -- 'svc-*/src/**' || true)
  [ -z "$clients" ] || fail "only infra/mesh/src/egress makes HTTP clients: $clients"
  local prices
  prices=$(git grep -niE 'micro_pix_per_million|markup' -- edge/src || true)
  [ -z "$prices" ] || fail "nothing in edge/ knows a price: $prices"
}

# A database that ran a migration never runs it again: what changed in it would be missing there.
check_migrations() {
  sha256sum --check --strict --quiet local/tidy/migrations.sha256 ||
    fail "a migration that was published is never changed: write a new one"
  local unlisted
  unlisted=$(git ls-files -co --exclude-standard -- 'svc-*/migrations/*.sql' | while read -r f; do
    grep -qF "  $f" local/tidy/migrations.sha256 || echo "$f"
  done)
  [ -z "$unlisted" ] || fail "new migrations: sha256sum them into local/tidy/migrations.sha256: $unlisted"
}

check_talk() {
  local hosts
  hosts=$(git grep -lIE 'regis[t]ry[.]npm|py[p]i[.]org|pytho[n]hosted|crate[s][.]io|de[b][.]debian' -- ':!Cargo.lock' || true)
  [ -z "$hosts" ] || fail "no package registry's host is named in a file: $hosts"
  local left
  left=$(git grep -nE 'todo!\(|unimplemented!\(|FIX''ME|XX''X' -- '*.rs' || true)
  [ -z "$left" ] || fail "left-over markers: $left"
}

check_derived() {
  cargo run --quiet -p neipix-tests --bin trust_report -- --check || fail "docs/trust.md is stale: run 'make docs'"
}

all() {
  install_tools
  for check in sizes floors migrations talk shell words protos dependencies rust derived; do
    say "$check"
    "check_$check"
  done
}

# Plants one sin of each kind in a copy of the sources and expects the check to see it.
selftest() {
  install_tools
  local scratch
  scratch=$(mktemp -d)
  # shellcheck disable=SC2064
  trap "rm -rf '$scratch'" EXIT
  git ls-files -co --exclude-standard -z | grep -zv '^tests/bench/' | xargs -0 -I{} cp --parents {} "$scratch" 2>/dev/null || true
  mkdir -p "$scratch/.local/tools" && ln -s "$tools" "$scratch/.local/tools/tidy"
  (cd "$scratch" && git init -q && git add -A >/dev/null)
  plant() { # name, check, command that plants
    local name=$1 check=$2
    (cd "$scratch" && eval "$3" && git add -A >/dev/null)
    if (cd "$scratch" && CHECK=$check bash local/tidy/tidy.sh --only "$check") >/dev/null 2>&1; then
      fail "selftest: a planted sin was not found: $name"
    fi
    say "selftest: found $name"
    
    git ls-files -co --exclude-standard -z | grep -zv '^tests/bench/' | xargs -0 -I{} cp --parents {} "$scratch" 2>/dev/null || true
    (cd "$scratch" && rm -rf planted.* svc-auth/migrations/2099-* edge/src/planted.rs svc-billing/src/planted.rs proto/neipix/billing/v1/planted.proto && git add -A >/dev/null)
  }
  plant "a file of 501 lines" sizes "seq 501 | sed 's/^/\/\/ /' > edge/src/planted.rs"
  plant "an import that runs up" floors "echo 'neipix-local.workspace = true' >> edge/Cargo.toml"
  plant "a second HTTP client" floors "echo 'use reqwest::Client;' > svc-billing/src/planted.rs"
  plant "a price in the edge" floors "echo 'const MARK''UP: u32 = 1;' > edge/src/planted.rs"
  plant "a registry's host" talk "echo 'https://py''pi.org' > planted.md"
  plant "an unformatted file" rust "printf 'fn  f( ) { }' > edge/src/planted.rs && echo 'mod planted;' >> edge/src/lib.rs"
  plant "a changed migration" migrations "echo '-- more' >> svc-auth/migrations/2026-11-24-000001_accounts/up.sql"
  plant "an unlisted migration" migrations "mkdir svc-auth/migrations/2099-01-01-000001_planted && echo 'SELECT 1;' > svc-auth/migrations/2099-01-01-000001_planted/up.sql"
  plant "a left-over marker" talk "printf 'fn f() { to''do!() }' > edge/src/planted.rs"
  plant "a shell mistake" shell "printf '#!/bin/bash\nrm -rf \$1/\nfor f in \$(ls); do cat \$f; done\ncd x\n[ \$a = ]\n' > planted.sh"
  plant "a misspelt word" words "echo 'rec''ieve te''h' > planted.md"
  plant "an unlinted proto" protos "printf 'syntax = \"proto3\";\npackage neipix.billing.v1;\nmessage bad_name { string Field = 1; }\n' > proto/neipix/billing/v1/planted.proto"
  plant "a broken proto change" protos "sed -i 's/int64 available_micro_pix = 1;/int64 available_pix = 1;/' proto/neipix/billing/v1/billing.proto"
  plant "a denied licence" dependencies "sed -i 's/\"MIT\", //' deny.toml"
}

case ${1:-} in
  --selftest) selftest ;;
  --only) install_tools && "check_$2" ;;
  *) all ;;
esac
say "all is well"
