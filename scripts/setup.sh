#!/bin/sh
# Installs what building and running need on Debian 12, if it is missing, and says what it installs. Needs root.
# Rust and Node.js with npm are expected to be there: see the README.
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
# With these C++ compiles sooner, and without them as well.
if [ ! -e "$(g++ -print-file-name=plugin)/include/gcc-plugin.h" ]; then
    plugins=gcc-$(g++ -dumpversion)-plugin-dev
    echo "installing $plugins"
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$plugins"; } ||
        echo "there is no $plugins: C++ will compile slower"
fi

for command in cargo node npm; do
    command -v $command >/dev/null 2>&1 || [ -x "$HOME/.cargo/bin/$command" ] || {
        echo "$command is missing: install Rust (1.89 or newer) and Node.js 20 with npm first" >&2
        exit 1
    }
done

# The sandbox shows programs /usr and nothing else, so the compiler must be installed for everybody.
if ! command -v tsc >/dev/null 2>&1; then
    echo "installing the TypeScript compiler"
    "$(dirname "$0")/../executord/languages/typescript/install.sh"
fi

if ! getent group executor >/dev/null; then
    echo "making the group executor, whose members may ask for executions"
    groupadd --system executor
fi
if ! getent passwd executor-webd >/dev/null; then
    echo "making the user executor-webd, as which webd runs"
    useradd --system --no-create-home --shell /usr/sbin/nologin --gid executor executor-webd
fi
