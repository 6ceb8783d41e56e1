#!/bin/bash
# What the whole suite needs on Debian 12, as root: the registry, the peers, the floor's programs, the images' makers.
set -euo pipefail
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
  docker-registry skopeo umoci podman containerd crun pigz zstd tar curl squashfs-tools \
  erofs-utils libdeflate-tools gcc libc6-dev time util-linux e2fsprogs \
  buildah debootstrap busybox-static openssl git ca-certificates >/dev/null
