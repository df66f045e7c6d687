#!/bin/sh
# Installs what building and running require on Debian 12, if it is missing, and prints what it installs. Requires root.
# Rust, and Node.js with npm, must be installed already: see the README.
set -eu

missing=
need() { # need COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need gcc gcc
need g++ g++
need make make
need javac openjdk-17-jdk-headless
need python3 python3
need perl perl
need curl curl
need setpriv util-linux
need useradd passwd
[ -x /usr/bin/python3 ] || missing="$missing python3"
if [ -n "$missing" ]; then
    echo "installing$missing"
    apt-get update -q
    # shellcheck disable=SC2086 # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing
fi
# Optional: with the plugin headers, C++ programs compile faster.
if [ ! -e "$(g++ -print-file-name=plugin)/include/gcc-plugin.h" ]; then
    plugins=gcc-$(g++ -dumpversion)-plugin-dev
    echo "installing $plugins"
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$plugins"; } ||
        echo "cannot install $plugins: C++ programs compile more slowly without it"
fi
# Optional: with Python's headers, Python programs end sooner.
if [ ! -e "$(/usr/bin/python3 -I -c 'import sysconfig; print(sysconfig.get_path("include"))')/internal/pycore_interp.h" ]; then
    echo "installing libpython3-dev"
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends libpython3-dev; } ||
        echo "cannot install libpython3-dev: Python programs end more slowly without it"
fi

for command in cargo node npm; do
    command -v $command >/dev/null 2>&1 || [ -x "$HOME/.cargo/bin/$command" ] || {
        echo "$command is missing: install Rust (1.89 or newer) and Node.js 20 with npm first" >&2
        exit 1
    }
done

# Sandboxes see only /usr of the host, so the compiler must be installed for all users.
if ! command -v tsc >/dev/null 2>&1; then
    echo "installing the TypeScript compiler"
    "$(dirname "$0")/../executord/languages/typescript/install.sh"
fi

if ! getent group executor >/dev/null; then
    echo "creating the group executor, whose members may request executions"
    groupadd --system executor
fi
if ! getent passwd executor-webd >/dev/null; then
    echo "creating the user executor-webd, which webd runs as"
    useradd --system --no-create-home --shell /usr/sbin/nologin --gid executor executor-webd
fi
if ! getent passwd executor-packages >/dev/null; then
    echo "creating the user executor-packages, which installs package sets"
    useradd --system --user-group --no-create-home --shell /usr/sbin/nologin executor-packages
fi
