#!/bin/sh
# Installs what `make test` needs in addition to `make run`: cargo-deny, Chromium for the tests of the page, and
# nginx and Caddy for the tests of reverse proxies.
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
[ -x /usr/sbin/nginx ] && [ -x /usr/bin/caddy ] && [ -x /usr/bin/openssl ] || {
    echo "installing nginx, caddy and openssl"
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    # The tests start their own servers on loopback; the packages must not start others that listen everywhere
    # (invoke-rc.d(8)).
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
        $sudo chmod 755 $policy
        trap '$sudo rm -f $policy' EXIT
    fi
    $sudo apt-get update -q
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends nginx-light caddy openssl
}
