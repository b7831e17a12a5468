#!/usr/bin/env bash
# Runs targets of the Makefile one after the other, and says at the end how long each suite took.
#
# Usage: suites.sh <suite>=<target>...      (several targets may belong to one suite)
#
# Stops at the first target that fails, with its status; the table is printed then too.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit

names=()
declare -A seconds=()
report() {
  local name total=0
  printf '\ntime by suite\n'
  for name in "${names[@]}"; do
    printf '  %-10s %3d min %02d s\n' "$name" $((seconds[$name] / 60)) $((seconds[$name] % 60))
    total=$((total + seconds[$name]))
  done
  printf '  %-10s %3d min %02d s\n' together $((total / 60)) $((total % 60))
}

for pair in "$@"; do
  name=${pair%%=*} target=${pair#*=}
  if [[ -z ${seconds[$name]+seen} ]]; then
    names+=("$name")
    seconds[$name]=0
  fi
  began=$SECONDS status=0
  "${MAKE:-make}" "$target" || status=$?
  seconds[$name]=$((seconds[$name] + SECONDS - began))
  if ((status != 0)); then
    report
    printf '%s failed\n' "$target" >&2
    exit "$status"
  fi
done
report
