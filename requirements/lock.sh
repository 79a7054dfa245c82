#!/bin/sh
# Lock the dependencies: exact versions with hashes, for every platform and Python from 3.11, naming no
# registry. uv does not read pip's configuration, so what pip is told is handed on to it.
set -eu

"$PYTHON" -m pip install --quiet uv
setting() { "$PYTHON" -m pip config get "global.$1" 2>/dev/null || true; }
index=$(setting index-url)
extra=$(setting extra-index-url)
links=$(setting find-links)
[ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
[ -z "$extra" ] || export UV_INDEX="$extra" UV_INDEX_STRATEGY=unsafe-best-match  # as pip does
[ -z "$links" ] || export UV_FIND_LINKS="$links"

lock() {
    output=$1
    shift
    echo "== $output"
    "$PYTHON" -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
        --no-emit-index-url --no-emit-find-links --output-file "$output" "$@"
}

lock requirements/production.txt pyproject.toml
lock requirements/dev.txt --extra dev pyproject.toml
echo 'hatchling>=1.27' | lock requirements/build.txt -
