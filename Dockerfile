# syntax=docker/dockerfile:1

# A static binary and CA roots on an empty base. Alpine's toolchain links musl statically and has the C compiler
# that ring's assembly needs; rustls brings no system library.
FROM rust:1.95.0-alpine AS build
RUN apk add --no-cache ca-certificates-bundle musl-dev
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release --bin webhook-operator \
    && cp target/release/webhook-operator /webhook-operator

FROM scratch
LABEL org.opencontainers.image.title="webhook-operator" \
      org.opencontainers.image.description="Manages webhook subscriptions at SaaS providers as Kubernetes custom resources" \
      org.opencontainers.image.source="https://github.com/webhook-operator/webhook-operator" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /webhook-operator /webhook-operator
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/webhook-operator"]
CMD ["run"]
