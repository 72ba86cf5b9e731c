# syntax=docker/dockerfile:1

# A static binary and CA roots on an empty base. Alpine's toolchain links musl statically and has the C compiler
# that ring needs; rustls brings no system library. Each architecture is built on a machine of its own
# (.github/workflows/release.yaml): nothing is cross-compiled, and nothing compiled under emulation.

# The dependencies, in a layer that changes with Cargo.lock and no sooner: they are compiled against empty crates.
FROM rust:1.95.0-alpine AS dependencies
# The base image's release of Alpine decides their versions.
# hadolint ignore=DL3018
RUN apk add --no-cache ca-certificates-bundle musl-dev
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src/core/Cargo.toml src/core/
COPY tests/simulator/Cargo.toml tests/simulator/
COPY tests/harness/Cargo.toml tests/harness/
COPY tests/planted/Cargo.toml tests/planted/
COPY tests/instructions/Cargo.toml tests/instructions/
RUN for crate in . tests/simulator tests/harness tests/planted tests/instructions; do \
        mkdir -p "$crate/src" || exit 1; \
        echo '//! Empty.' >"$crate/src/lib.rs" || exit 1; \
        printf '//! Empty.\nfn main() {}\n' >"$crate/src/main.rs" || exit 1; \
    done \
    && echo '//! Empty.' >src/core/lib.rs \
    && cargo build --locked --release --bin webhook-operator

FROM dependencies AS build
ARG TARGETARCH
COPY . .
# Newer than what was compiled of the empty crates, so that cargo takes them.
RUN touch src/lib.rs src/main.rs src/core/lib.rs \
    && cargo build --locked --release --bin webhook-operator \
    && install -D -m 755 target/release/webhook-operator "/image/${TARGETARCH}/webhook-operator" \
    && install -D -m 644 /etc/ssl/certs/ca-certificates.crt "/image/${TARGETARCH}/etc/ssl/certs/ca-certificates.crt"

FROM scratch
ARG TARGETARCH
ARG VERSION=0.0.0-dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="webhook-operator" \
      org.opencontainers.image.description="Manages webhook subscriptions at SaaS providers as Kubernetes custom resources" \
      org.opencontainers.image.url="https://github.com/webhook-operator/webhook-operator" \
      org.opencontainers.image.source="https://github.com/webhook-operator/webhook-operator" \
      org.opencontainers.image.documentation="https://github.com/webhook-operator/webhook-operator/blob/main/docs/operations.md" \
      org.opencontainers.image.vendor="webhook-operator" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /image/${TARGETARCH}/ /
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/webhook-operator"]
CMD ["run"]
