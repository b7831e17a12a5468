#!/usr/bin/env bash
# Builds the web apps into web/dist, where one of their sources has changed since. Otherwise nothing is started and the
# network is not touched.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# What the build reads, by content: a file that goes away counts too, and what the build writes does not.
sources() {
  find web \( -name node_modules -o -name dist -o -name e2e -o -name guides -o -name '.storybook' \) -prune -o -type f \
    ! -name '*.gen.ts' ! -name '*.test.*' ! -name '*.stories.*' ! -name '*.md' -print0 |
    LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
}

stamp=web/dist/.sources
now=$(sources)
if [[ -f $stamp && $(<"$stamp") == "$now" ]]; then exit 0; fi

local/scripts/setup.sh web
echo "web: building the apps" >&2
mkdir -p web/dist
rm -f "$stamp"
log=web/dist/.log
build() { npm run build --workspaces --if-present && node pack.js; }
if ! (cd web && PATH="$PWD/../.local/tools/node/bin:$PATH" && build) >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
printf '%s\n' "$now" >"$stamp"
