#!/bin/bash
# What the whole suite needs on Debian 12, as root: the registry, the peers, the floor's programs, the images' makers.
#   bench/setup.sh              installs them
#   bench/setup.sh newest DIR   makes a root file system with Debian's newest podman, containerd, skopeo and umoci, for PEERS_ROOT
set -euo pipefail
if [ "${1:-}" = newest ]; then
  exec debootstrap --variant=minbase --include=podman,containerd,skopeo,umoci,crun,ca-certificates sid "$2"
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
  docker-registry skopeo umoci podman containerd crun pigz zstd tar curl squashfs-tools \
  erofs-utils libdeflate-tools gcc libc6-dev time util-linux e2fsprogs \
  buildah debootstrap busybox-static openssl git ca-certificates >/dev/null
