# One image for both services of compose.yaml: the daemons, the command-line tool and toolchains, by default of four
# languages.
# It contains the page if the page was built before (make web).

# Any Debian-based image with Rust.
ARG BUILDER=docker.io/library/rust:1-bookworm
ARG RUNTIME=docker.io/library/debian:12-slim

FROM ${BUILDER} AS build
RUN apt-get update && apt-get install -y --no-install-recommends openjdk-17-jdk-headless libpython3-dev python3 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p executord -p sandbox -p executor-zygote -p executor-zygote-node -p executor-zygote-jvm -p webd -p cli -p noded \
    --features webd/cluster,cli/cluster
# The same paths as in the package; see executord/Cargo.toml.
RUN scripts/languages.sh /image/usr/lib/executor/languages \
    && rm -rf /image/usr/lib/executor/languages/go/cache /image/usr/lib/executor/languages/java/*.jsa \
        /image/usr/lib/executor/languages/cpp/recorded \
    && install -Dt /image/usr/sbin target/release/executord target/release/webd target/release/noded \
    && install -Dt /image/usr/bin target/release/executor \
    && install -Dt /image/usr/lib/executor target/release/executor-sandbox \
    && install -Dm 644 -t /image/etc/executor systemd/etc/*.toml \
    && mkdir -p /image/usr/share/executor \
    && if [ -f target/web/index.html ]; then cp -r target/web /image/usr/share/executor/web; fi

FROM ${RUNTIME}
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system executor \
    && useradd --system --user-group --groups executor --no-create-home --home-dir / --shell /usr/sbin/nologin executor-webd \
    && useradd --system --user-group --groups executor --no-create-home --home-dir / --shell /usr/sbin/nologin executor-node \
    && useradd --system --user-group --no-create-home --home-dir / --shell /usr/sbin/nologin executor-packages \
    && install -d -m 750 -g executor /run/executor \
    && install -d -m 700 -o executor-webd -g executor-webd /var/lib/executor-webd
COPY --from=build /image/ /
# Names of languages, or `all`; see docs/languages.md. After the installation of Java and C++, their launchers are completed.
ARG LANGUAGES="python javascript cpp java"
RUN if [ "$LANGUAGES" = all ]; then set -- --all; else set -- $LANGUAGES; fi \
    && executor install --no-check "$@" \
    && rm -rf /var/lib/apt/lists/*
# Freed buffers are returned to the kernel, as in webd.service.
ENV GLIBC_TUNABLES=glibc.malloc.mmap_threshold=131072
# By default the image runs webd, the process without privileges.
USER executor-webd
EXPOSE 3000
CMD ["webd", "--listen", "0.0.0.0:3000"]
