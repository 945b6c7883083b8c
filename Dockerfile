# The demo games as a container: one static program in an empty root.
#
#     docker build -t tickwire .
#     docker run --read-only -p 8080:8080 -v tickwire:/data tickwire --trusted-proxies 172.17.0.1
#
# A server that the internet reaches belongs behind a proxy with TLS, as in server/deploy/compose.yaml. For a game of
# your own, name its crate in CRATE and its program in PROGRAM.

FROM rust:1.95-bookworm AS build
# The page is smaller with npm, which brings esbuild and wasm-opt.
RUN apt-get update && apt-get install -y --no-install-recommends nodejs npm && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
ARG CRATE=tickwire-demo
ARG PROGRAM=tickwire
RUN sh server/deploy/static.sh cargo tickwire -p "$CRATE" build \
	&& sh server/deploy/root.sh "$(ls target/*-linux-gnu/release/"$PROGRAM")" /image

FROM scratch
# A number that no system gives to a user. It is a number and not a name, because there is no list of users here, and
# because Kubernetes can then see that it is not root. It is one copy: a second one would not change the owner of a folder
# that is there already.
COPY --from=build --chown=10001:10001 /image/ /
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
ENV TICKWIRE_LISTEN=0.0.0.0:8080 TICKWIRE_AUTOPSIES=/data/autopsies
EXPOSE 8080
# The server tells every player and is gone within five seconds.
STOPSIGNAL SIGTERM
# The check asks the operators' port of the same settings; there is no shell and no curl to ask with.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["/tickwire", "health"]
ENTRYPOINT ["/tickwire", "serve"]
