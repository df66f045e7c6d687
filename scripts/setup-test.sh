#!/bin/sh
# Installs what `make test` needs beyond `make run`: cargo-deny.
set -eu
command -v cargo-deny >/dev/null 2>&1 || [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo-deny" ] || {
    echo "installing cargo-deny (a few minutes, once)"
    cargo install --quiet --locked cargo-deny@0.20.2
}
