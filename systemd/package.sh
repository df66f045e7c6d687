#!/bin/sh
# Builds the Debian packages executor and executor-node: package.sh OUTDIR [REVISION]. Requires cargo-deb, cc and javac. `make web` builds the page.
set -eu
out=${1:?usage: package.sh OUTDIR [REVISION]}
revision=${2:-1}
here=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$here"
built=${CARGO_TARGET_DIR:-target}/release
stage=target/package

command -v cargo-deb >/dev/null || {
    echo "cargo-deb is missing: cargo install --locked cargo-deb@3.8.0" >&2
    exit 1
}
cargo build --release --locked -p executord -p sandbox -p executor-zygote -p executor-zygote-node -p executor-zygote-jvm -p webd -p cli -p noded \
    --features webd/cluster,cli/cluster

# Everything that cargo does not build: executable files in `programs`, all others in `files`. Each is one asset of
# executord/Cargo.toml.
rm -rf "$stage"
mkdir -p "$stage/files/share/man/man1" "$stage/files/share/man/man8" "$stage/programs"
mkdir -p "$stage/files/share/bash-completion/completions" "$stage/files/share/zsh/vendor-completions" \
    "$stage/files/share/fish/vendor_completions.d"
mkdir -p "$stage/files/lib/executor/languages"
install -m 644 executord/languages/*.toml "$stage/files/lib/executor/languages"
for build in executord/languages/*/build.sh; do
    "$build" "$stage/files/lib/executor/languages"
done
# Built for the Go, the JDK and the g++ of this host; postinst builds them for those of the target host.
rm -rf "$stage/files/lib/executor/languages/go/cache" "$stage/files/lib/executor/languages/java"/*.jsa \
    "$stage/files/lib/executor/languages/cpp/recorded"
if [ -f target/web/index.html ]; then
    mkdir -p "$stage/files/share/executor"
    cp -r target/web "$stage/files/share/executor/web"
else
    echo "warning: the page is not built, so the package does not contain it; run make web first" >&2
fi
mkdir -p "$stage/node"
gzip -9nc docs/man/noded.8 >"$stage/node/noded.8.gz"
for page in docs/man/executor.1 docs/man/executord.8 docs/man/webd.8; do
    section=${page##*.}
    gzip -9nc "$page" >"$stage/files/share/man/man$section/${page##*/}.gz"
done
complete=$stage/files/share/bash-completion/completions/executor
"$built/executor" completions bash >"$complete"
"$built/executor" completions zsh >"$stage/files/share/zsh/vendor-completions/_executor"
"$built/executor" completions fish >"$stage/files/share/fish/vendor_completions.d/executor.fish"
(cd "$stage/files" && find . -type f -perm -u+x) | while read -r program; do
    install -D "$stage/files/$program" "$stage/programs/$program"
    rm "$stage/files/$program"
done

# The shipped configuration files are valid as they are, and with all keys uncommented.
helper=$(readlink -f "$built/executor-sandbox")
for daemon in executord webd; do
    sed 's/^#\([[a-z]\)/\1/' "systemd/etc/$daemon.toml" >"$stage/$daemon.toml"
    for file in "systemd/etc/$daemon.toml" "$stage/$daemon.toml"; do
        # Nothing is installed on the machine that builds the package, and it has no users for the daemons.
        sed "s|^#*helper = .*|helper = \"$helper\"|; s|^#*languages = .*|languages = [\"$PWD/executord/languages\"]|; \
            s|^#*webd_user = .*|webd_user = \"root\"|; s|^#*\[socket\]|[socket]|; s|^#*group = .*|group = \"root\"|" "$file" \
            >"$stage/checked.toml"
        "$built/$daemon" --check-config --config "$stage/checked.toml"
    done
done

cargo deb --quiet -p executord --no-build --deb-revision "$revision" --output "$out"
cargo deb --quiet -p noded --no-build --deb-revision "$revision" --output "$out"
ls -l "$out"/executor_*-"$revision"_*.deb "$out"/executor-node_*-"$revision"_*.deb
