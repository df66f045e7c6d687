# One image for both services of compose.yaml: the daemons, the command-line tool and four toolchains.
# It contains the page if the page was built before (make web).

# Any Debian-based image with Rust.
ARG BUILDER=docker.io/library/rust:1-bookworm
ARG RUNTIME=docker.io/library/debian:12-slim

FROM ${BUILDER} AS build
RUN apt-get update && apt-get install -y --no-install-recommends openjdk-17-jdk-headless libpython3-dev python3 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p executord -p sandbox -p executor-zygote -p webd -p cli -p noded \
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
    && apt-get install -y --no-install-recommends ca-certificates g++ gcc-12-plugin-dev openjdk-17-jdk-headless nodejs python3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system executor \
    && useradd --system --user-group --groups executor --no-create-home --home-dir / --shell /usr/sbin/nologin executor-webd \
    && useradd --system --user-group --groups executor --no-create-home --home-dir / --shell /usr/sbin/nologin executor-node \
    && install -d -m 750 -g executor /run/executor \
    && install -d -m 700 -o executor-webd -g executor-webd /var/lib/executor-webd
COPY --from=build /image/ /
RUN /usr/lib/executor/languages/java/archive && /usr/lib/executor/languages/cpp/record
# Freed buffers are returned to the kernel, as in webd.service.
ENV GLIBC_TUNABLES=glibc.malloc.mmap_threshold=131072
# By default the image runs webd, the process without privileges.
USER executor-webd
EXPOSE 3000
CMD ["webd", "--listen", "0.0.0.0:3000"]
