#!/bin/sh
# Install the identity provider that the tests of signing in start: locked packages, without their scripts.
# npm uses the machine's own configuration; the lock's hashes decide what is accepted.
set -eu

# Node.js 22 has what the provider needs; so have the last releases of 20.
fits() { node -e 'process.exit(URL.parse ? 0 : 1)' >/dev/null 2>&1; }

if ! fits || ! command -v npm >/dev/null 2>&1; then
    echo "The tests start a real identity provider: install Node.js 22 or newer with npm (Debian and Ubuntu: apt-get install nodejs npm)." >&2
    exit 1
fi
echo "== the identity provider of the tests"
cd tests/oidc
exec npm ci --ignore-scripts --no-progress
