#!/bin/bash
# Builds a wheel with each Python found (3.11 to 3.14), installs it into an empty environment and runs the tests
# from outside the source tree.
#
#   scripts/test_wheel.sh [PYTHON...]       pytest options in PYTEST_ARGS
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

find_pythons() {
    local version path
    for version in 3.11 3.12 3.13 3.14; do
        for path in "$(command -v "python$version" || true)" "$HOME/.pyenv/versions/$version".*/bin/python; do
            # A shim answers to a name without having the version: ask it.
            if [ -x "$path" ] && "$path" -c "import ensurepip, sys; sys.exit(sys.version[:4] != '$version')" 2>/dev/null; then
                echo "$path"
                break
            fi
        done
    done
}

if [ $# -eq 0 ]; then
    mapfile -t pythons < <(find_pythons)
else
    pythons=("$@")
fi

for python in "${pythons[@]}"; do
    echo "== $("$python" --version) ($python)"
    folder="$work/$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    mkdir "$folder"
    # A copy without what builds leave behind: the wheel must not lean on it.
    (cd "$here" && git ls-files -z | xargs -0 tar -cf -) | tar -xf - -C "$folder"
    "$python" -m venv "$folder/env"
    pip=("$folder/env/bin/python" -m pip --quiet --disable-pip-version-check)
    "${pip[@]}" install --upgrade 'pip>=25.1'
    "${pip[@]}" wheel --no-deps --wheel-dir "$folder/wheel" "$folder"
    "${pip[@]}" install "$folder"/wheel/*.whl
    (cd "$folder" && "${pip[@]}" install --group test)
    # What cibuildwheel takes along for the tests, and nothing else.
    mkdir "$folder/tests-only"
    sources=$("$folder/env/bin/python" -c 'import sys, tomllib
print(*tomllib.load(open(sys.argv[1], "rb"))["tool"]["cibuildwheel"]["test-sources"])' "$folder/pyproject.toml")
    (cd "$folder" && mv $sources tests-only)
    (cd "$folder/tests-only" && ../env/bin/python -m pytest -q ${PYTEST_ARGS:-})
    ls -l "$folder"/wheel/*.whl
done
