#!/bin/sh
# Installs what `make test` needs in addition to `make run`: cargo-deny, Chromium for the tests of the page, nginx, Caddy and
# HAProxy for the tests of proxies and balancers, nats-server for those of clusters, and the toolchains of all other languages that
# Executor ships.
set -eu
command -v cargo-deny >/dev/null 2>&1 || [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo-deny" ] || {
    echo "installing cargo-deny (takes a minute or two, once)"
    # cargo-deny runs for a second. Its release profile would take longer to build than everything else here.
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo install --quiet --locked cargo-deny@0.20.2
}

missing=
need() { # need COMMAND PACKAGES
    # Sandboxes see only /usr, so a toolchain in a home directory does not count.
    [ -x "/usr/bin/$1" ] || [ -x "/usr/sbin/$1" ] || missing="$missing $2"
}
need chromium "chromium fonts-dejavu-core"
need nginx nginx-light
need caddy caddy
need openssl openssl
need haproxy haproxy
need nats-server nats-server
# The environments of the client libraries.
python3 -c "import ensurepip" 2>/dev/null || missing="$missing python3-venv"
[ -x /usr/sbin/ip ] || [ -x /usr/bin/ip ] || [ -x /sbin/ip ] || missing="$missing iproute2"
# About 150 MB of archives, and 0.8 GB on the disk.
need go golang-go
need lua lua5.4
need php php-cli
need ruby ruby
need rustc rustc
need clang "clang libclang-rt-dev libomp-dev"
# The formatters of the languages: 20 MB on the disk.
need black black
need clang-format clang-format
need perltidy perltidy
need rustfmt rustfmt
need shfmt shfmt
# Programs of the tests draw figures.
[ -e /usr/lib/python3/dist-packages/matplotlib ] || missing="$missing python3-matplotlib"
if [ -n "$missing" ]; then
    echo "installing$missing"
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
    # shellcheck disable=SC2086 # a list of words
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing
fi
# Sandboxes see only /usr. Programs see one directory of global modules, which must remain that of the compiler of TypeScript.
if [ ! -e /usr/local/lib/prettier/node_modules/prettier-plugin-java ]; then
    echo "installing prettier"
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo mkdir -p /usr/local/lib/prettier
    $sudo npm install --prefix /usr/local/lib/prettier --no-fund --no-audit prettier@3.10.1 prettier-plugin-java@2.11.0
    $sudo ln -sf ../lib/prettier/node_modules/.bin/prettier /usr/local/bin/prettier
fi
