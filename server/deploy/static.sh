#!/bin/sh
# Runs a command, such as "cargo tickwire build", so that the programs that cargo builds for this machine are static:
# each runs in an empty root, without a loader and without libraries.
#
#     sh server/deploy/static.sh cargo tickwire -p tickwire-demo build
#
# They are in target/TRIPLE/release then, with the triple of this machine. Naming the target keeps the flag away from the
# macros of the compiler, which are libraries that it loads. The C library is glibc, as in every build that was measured;
# musl would need a C compiler of its own for the cryptography.
#
# Random numbers come from the system call. A static program does not find the function of the C library by its name, and
# would need /dev/urandom instead, which an empty root may not have.
set -eu
triple=$(rustc -vV | sed -n 's/^host: //p')
upper=$(printf %s "$triple" | tr 'a-z-' 'A-Z_')
export CARGO_BUILD_TARGET="$triple"
flags='-C target-feature=+crt-static --cfg getrandom_backend="linux_getrandom"'
export "CARGO_TARGET_${upper}_RUSTFLAGS=$flags"
exec "$@"
