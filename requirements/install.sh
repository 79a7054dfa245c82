#!/bin/sh
# Make the virtual environment $VENV and install the locked dependencies and the project into it.
# pip uses the machine's own configuration; the lock's hashes decide what is accepted.
set -eu

# A shell that waits for a program does not hear signals: pass them on, so that nothing goes on alone.
run() {
    "$@" &
    child=$!
    trap 'kill -TERM "$child" 2>/dev/null; wait "$child"; exit 143' TERM INT HUP
    wait "$child"
    trap - TERM INT HUP
}

fits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

if ! { [ -x "$VENV/bin/python" ] && fits "$VENV/bin/python" && "$VENV/bin/python" -m pip --version >/dev/null 2>&1; }; then
    python=
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
        if fits "$candidate"; then python=$candidate; break; fi
    done
    if [ -z "$python" ]; then
        echo "vdept needs Python 3.11 or newer, and found none: install one, or name it with make PYTHON=/path/to/python." >&2
        exit 1
    fi
    echo "== virtual environment in $VENV ($("$python" --version))"
    if ! run "$python" -m venv --clear "$VENV"; then
        echo "Python's venv module does not work: on Debian and Ubuntu, apt-get install python3-venv." >&2
        exit 1
    fi
fi

echo "== locked dependencies"
run "$VENV/bin/python" -m pip install --require-hashes --only-binary :all: -r requirements/dev.txt
echo "== vdept itself"
run "$VENV/bin/python" -m pip install --quiet --no-deps --no-build-isolation --editable .
