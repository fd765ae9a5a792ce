#!/usr/bin/env bash
# Tries a bundle as a bare machine would: unpacked into an empty folder, without environment, and without a network where
# the system lets a user cut it. Minutes; not part of `npm test`.
#
#     lib/paper/scripts/bundle/check.sh oabn-linux-x64.tar.xz [--notebooks]
set -euo pipefail
archive=$(readlink -f "${1:?check.sh needs the archive}")
[ "${2:-}" = --notebooks ] && notebooks=() || notebooks=(--no-notebooks)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
tar -xf "$archive" -C "$folder" --strip-components=1
cd "$folder"
sha256sum --quiet -c SHA256SUMS
alone=(env -i)
# Notebooks talk with their kernels over the loopback interface, which a network of one's own begins without.
if unshare -rn ip link set lo up 2>/dev/null; then
  alone=(unshare -rn sh -c 'ip link set lo up && exec env -i "$@"' alone)
fi
echo "in $folder, with ${alone[0]}"
"${alone[@]}" ./oabn doctor
"${alone[@]}" ./oabn analyze data/models/cifar10-oabn-0.5.safetensors
"${alone[@]}" ./oabn reproduce --profile smoke "${notebooks[@]}"
test -s report/index.html
echo "The bundle works: $(basename "$archive"), $(stat -c %s "$archive") bytes"
