#!/bin/sh
# Prints the path of a Chromium that starts, for the browser tests. Order: the one named by PLAYGROUND_TEST_CHROMIUM, one that is
# installed, Playwright's if it was downloaded before, Debian's (only as root), Playwright's download. $1: the tests' Python.
python=$1

offer() {
    if [ -n "$1" ] && "$1" --version >/dev/null 2>&1; then
        echo "$1"
        exit 0
    fi
}

offer_installed() {
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        offer "$(command -v "$name")"
    done
    offer "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
}

offer_playwrights() {
    offer "$("$python" -c 'from playwright.sync_api import sync_playwright
with sync_playwright() as tool: print(tool.chromium.executable_path)' 2>/dev/null)"
}

if [ -n "$PLAYGROUND_TEST_CHROMIUM" ]; then
    offer "$PLAYGROUND_TEST_CHROMIUM"
    echo "Latency Playground: PLAYGROUND_TEST_CHROMIUM=$PLAYGROUND_TEST_CHROMIUM does not start." >&2
    exit 1
fi
offer_installed
offer_playwrights
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Chromium with apt-get." >&2
    (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium) </dev/null >&2
    offer_installed
fi
"$python" -m playwright install chromium </dev/null >&2
offer_playwrights
echo "Latency Playground: the browser tests need a Chromium and none was found; install one, or set PLAYGROUND_TEST_CHROMIUM." >&2
exit 1
