#!/bin/sh
# Installs what `make bench` compares with, if it is missing, and says what it installs. Needs root.
set -eu
command -v bwrap >/dev/null 2>&1 || {
    echo "installing bubblewrap"
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends bubblewrap
}
