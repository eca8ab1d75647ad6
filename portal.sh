#!/bin/sh
# The one command of Porchlight. Without an argument it lists what it can do.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
venv=$here/.venv
python=$venv/bin/python

usage() {
    cat <<'TEXT'
Porchlight: counselling by letter, over weak connections.

  ./portal.sh demo      start a fictional clinic on this machine and print who can sign in
                        (--port N, --data DIR, --accounts FILE, --reset)
  ./portal.sh init      make a real clinic: its keys, its first administrator, its recovery key
  ./portal.sh run       start the portal for real use, configured from the environment
  ./portal.sh test      set up and pass every test, browser and both databases included
  ./portal.sh check     lint, types, and which part may know which
  ./portal.sh bench     measure bytes and speed

Anything else goes to the portal itself, for instance:
  ./portal.sh audit verify      is the audit trail whole?
  ./portal.sh --help            every command of the portal
TEXT
}

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "portal.sh: $*"
    exit 1
}

find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    fail "needs Python 3.11 or newer, and found none on the PATH."
}

# Installs Debian packages when we may, and says what to do when we may not.
install_system_packages() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "Installing $* with apt-get ..."
        apt-get update -qq >&2 &&
            DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >&2
    else
        return 1
    fi
}

# uv installs four times faster than pip; where it cannot be had, pip does the same work.
find_uv() {
    uv=$here/.tools/bin/uv
    [ -x "$uv" ] && cmp -s "$here/deploy/bootstrap.lock" "$here/.tools/bootstrap.lock" && return
    uv=
    rm -rf "$here/.tools"
    if "$base" -m pip install --quiet --disable-pip-version-check --no-warn-script-location \
        --require-hashes --target "$here/.tools" -r "$here/deploy/bootstrap.lock" >/dev/null 2>&1; then
        cp "$here/deploy/bootstrap.lock" "$here/.tools/bootstrap.lock"
        uv=$here/.tools/bin/uv
    fi
}

make_environment() {
    rm -rf "$venv"
    if [ -n "$uv" ]; then
        "$uv" venv --quiet --no-config --python "$base" "$venv" && return
    fi
    "$base" -m venv "$venv" 2>/dev/null && return
    install_system_packages python3-venv ||
        fail "this Python has neither pip nor venv. Install them (Debian: apt install python3-venv)."
    "$base" -m venv "$venv"
}

install_lock() {
    if [ -n "$uv" ]; then
        "$uv" pip sync --quiet --no-config --compile-bytecode --require-hashes \
            --python "$python" "$1" && return
        say "uv could not install the packages; trying pip."
    fi
    [ -x "$venv/bin/pip" ] || "$python" -m ensurepip >/dev/null
    "$python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$1"
}

# set_up LOCK STAMP: when nothing changed this costs one comparison of two files.
set_up() {
    [ -x "$python" ] && cmp -s "$1" "$venv/$2" && return
    say "Setting up (once) ..."
    base=$(find_python)
    find_uv
    [ -x "$python" ] && "$python" -c '' 2>/dev/null || make_environment
    install_lock "$1"
    rm -f "$venv"/*.stamp
    cp "$1" "$venv/$2"
}

# What the tests are run with also runs the portal.
set_up_to_run() {
    if cmp -s "$here/requirements.lock" "$venv/with-tests-runtime.stamp"; then
        [ -x "$python" ] && return
    fi
    set_up "$here/requirements.lock" runtime.stamp
}

set_up_to_test() {
    if ! cmp -s "$here/requirements.lock" "$venv/with-tests-runtime.stamp"; then
        rm -f "$venv/with-tests.stamp"
    fi
    set_up "$here/tests/requirements.lock" with-tests.stamp
    cp "$here/requirements.lock" "$venv/with-tests-runtime.stamp"
}

find_browser() {
    for name in "${PORTAL_CHROMIUM:-}" chromium chromium-browser google-chrome; do
        [ -n "$name" ] && command -v "$name" && return
    done
    return 1
}

find_or_install_browser() {
    PORTAL_CHROMIUM=$(find_browser) || {
        install_system_packages chromium fonts-dejavu-core ||
            fail "the tests need Chromium: install it, or set PORTAL_CHROMIUM to its path."
        PORTAL_CHROMIUM=$(find_browser) || fail "Chromium was installed but cannot be found."
    }
    export PORTAL_CHROMIUM
}

# The proxy of deploy/, run as it stands.
find_or_install_proxy() {
    PATH=$PATH:/usr/sbin
    command -v nginx >/dev/null ||
        install_system_packages nginx-light libnginx-mod-http-brotli-static ||
        fail "the tests need nginx: install it (Debian: apt install nginx-light libnginx-mod-http-brotli-static)."
}

# For the browser that no test drives through its protocol: a screen, and a keyboard to press.
find_or_install_desk() {
    command -v Xvfb >/dev/null && command -v xdotool >/dev/null ||
        install_system_packages xvfb xdotool ||
        fail "the tests need Xvfb and xdotool: install them (Debian: apt install xvfb xdotool)."
}

export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONSAFEPATH=1

case "${1:-}" in
    '' | help)
        usage
        ;;
    test)
        shift
        set_up_to_test
        find_or_install_browser
        find_or_install_proxy
        find_or_install_desk
        cd "$here"
        exec "$python" -m pytest -n "${PORTAL_TEST_PROCESSES:-auto}" --dist loadgroup "$@"
        ;;
    check)
        set_up_to_test
        cd "$here"
        "$venv/bin/ruff" check .
        "$venv/bin/ruff" format --check .
        "$venv/bin/mypy"
        "$venv/bin/lint-imports" --no-cache
        "$venv/bin/bandit" --quiet --configfile pyproject.toml --recursive --severity-level medium portal wsgi.py
        say "Everything holds."
        ;;
    bench)
        shift
        set_up_to_test
        find_or_install_browser
        find_or_install_proxy
        cd "$here"
        exec "$python" -m bench "$@"
        ;;
    *)
        set_up_to_run
        exec "$python" -m portal.cli "$@"
        ;;
esac
