#!/bin/sh
# Installs the tools that `make bench` compares Executor with, if they are missing, and prints what it installs. Requires
# root.
set -eu
command -v bwrap >/dev/null 2>&1 || {
    echo "installing bubblewrap"
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends bubblewrap
}
