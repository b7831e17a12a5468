#!/usr/bin/env bash
# Prints where llvm-profdata lies: rustup's (`rustup component add llvm-tools`) or Debian's; nothing where there is none.
set -euo pipefail
host=$(rustc -vV | sed -n 's/^host: //p')
for program in "$(rustc --print sysroot)/lib/rustlib/$host/bin/llvm-profdata" /usr/bin/llvm-profdata-{22,21,20,19}; do
  if [[ -x $program ]]; then
    echo "$program"
    exit
  fi
done
