#!/bin/sh
# Makes the virtual environment $1 with a Python that is new enough, or says in one sentence what is missing.
venv=$1

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }
fail() {
    echo "Latency Playground: $1" >&2
    exit 1
}

if [ -x "$venv/bin/python" ] && new_enough "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    exit 0
fi

bare=
for python in ${PYTHON:-python3 python3.11 python3.12 python3.13 python3.14}; do
    new_enough "$python" || continue
    if has_venv "$python"; then
        echo "Making $venv with $($python --version 2>&1)."
        "$python" -m venv --clear "$venv" || fail "$python could not make $venv."
        exit 0
    fi
    bare=$python
done

[ -z "$bare" ] || fail "$bare has no venv module; install it (Debian, Ubuntu: apt install python3-venv) or set PYTHON to another Python."
[ -z "$PYTHON" ] || fail "PYTHON=$PYTHON is not a Python 3.11 or newer."
fail "Python 3.11 or newer is needed and was not found; install it, or set PYTHON to where it is."
