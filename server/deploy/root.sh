#!/bin/sh
# Assembles the whole root of a container: the program of a server, which has to be static, and a folder for its files.
# The Dockerfile runs it, and so does the test that plays in such a root.
#
#     sh server/deploy/root.sh PROGRAM FOLDER
set -eu
program=$1
root=$2

# In an empty root nothing could load the libraries of a dynamic program, and the error would name no reason.
if ! ldd "$program" 2>&1 | grep -Eq 'statically linked|not a dynamic executable'; then
	echo "$program is not static: build it with server/deploy/static.sh" >&2
	exit 1
fi

mkdir -p "$root"
install -m 0555 "$program" "$root/tickwire"
# The volume begins with the owner and the mode of this folder. Autopsies are in it.
install -d -m 0700 "$root/data"
# The system's folders are mounted here. A read-only root cannot get them later.
install -d -m 0555 "$root/proc" "$root/dev" "$root/sys" "$root/etc"
chmod 0555 "$root"
