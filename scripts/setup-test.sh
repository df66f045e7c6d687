#!/bin/sh
# Installs what `make test` needs in addition to `make run`: cargo-deny, and Chromium for the tests of the page.
set -eu
command -v cargo-deny >/dev/null 2>&1 || [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo-deny" ] || {
    echo "installing cargo-deny (takes a minute or two, once)"
    # cargo-deny runs for a second. Its release profile would take longer to build than everything else here.
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo install --quiet --locked cargo-deny@0.20.2
}
[ -x /usr/bin/chromium ] || {
    echo "installing chromium"
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -q
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core
}
