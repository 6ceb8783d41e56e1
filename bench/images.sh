#!/bin/bash
# Real images for the interop tests and the benchmarks, from Debian and npm packages. Needs root and Debian's
# docker-registry, buildah, skopeo, debootstrap and busybox-static (see bench/README.md).
#
#   bench/images.sh make IMAGE…      builds OCI layouts in $IMAGES/oci/IMAGE, each once
#   bench/images.sh push PORT IMAGE… copies them into the registry on 127.0.0.1:PORT
#
#   small         busybox and 268 hard links to it                              1 layer
#   debian        debootstrap's minbase                                         1 layer,   6 700 entries, devices
#   nodeapp       debian, python3, compilers, git, node, 30 000 npm files, …    6 layers, 57 000 entries, whiteouts
#   nodeapp-zstd  the same, compressed with zstd
#   debian-chunked, nodeapp-chunked: the same, in zstd:chunked
#   bigfile       three files of 250 to 500 MB                                  1 layer
set -euo pipefail
IMAGES=${IMAGES:-${XDG_CACHE_HOME:-$HOME/.cache}/ociflow-images}
mkdir -p "$IMAGES/oci" "$IMAGES/trees"

build() { buildah --root "$IMAGES/storage" --runroot "$IMAGES/runtime" --storage-driver overlay "$@"; }
store() { echo "containers-storage:[overlay@$IMAGES/storage+$IMAGES/runtime]localhost/$1"; }
finish() { # CONTAINER NAME: a new layer on top of what the container began from
  build commit --rm --format oci --disable-compression=false "$1" "localhost/$2" >/dev/null
}
layout() { skopeo copy -q "$(store "$1")" "oci:$IMAGES/oci/$1.new:latest" && mv "$IMAGES/oci/$1.new" "$IMAGES/oci/$1"; }
have() { [ -f "$IMAGES/oci/$1/index.json" ]; }
within() { build run --network host --isolation chroot "$1" -- sh -euc "$2" >/dev/null; }

make_small() {
  local tree=$IMAGES/trees/small applet c
  mkdir -p "$tree"/{bin,etc,tmp}; chmod 1777 "$tree/tmp"
  cp /bin/busybox "$tree/bin/busybox"
  for applet in $(/bin/busybox --list); do
    [ "$applet" = busybox ] || ln -f "$tree/bin/busybox" "$tree/bin/$applet"
  done
  echo 'root:x:0:0:root:/root:/bin/sh' >"$tree/etc/passwd"
  c=$(build from scratch); build add -q "$c" "$tree" / >/dev/null; build config --cmd /bin/sh "$c"
  finish "$c" small; layout small
}

make_debian() {
  local tree=$IMAGES/trees/debian c
  [ -d "$tree/usr/share/doc" ] || debootstrap --variant=minbase bookworm "$tree" >"$IMAGES/debootstrap.log"
  chroot "$tree" apt-get clean; rm -rf "$tree"/var/lib/apt/lists/* "$tree"/var/log/*.log
  c=$(build from scratch); build add -q "$c" "$tree" / >/dev/null; build config --cmd /bin/bash "$c"
  finish "$c" debian; layout debian
}

make_nodeapp() {
  local app=$IMAGES/trees/app bin=$IMAGES/trees/node c
  have debian || make_debian
  mkdir -p "$app" "$bin/usr/local/bin"
  [ -d "$app/node_modules/next" ] || (cd "$app" && echo '{"name":"app","private":true}' >package.json &&
    npm install --silent --legacy-peer-deps --ignore-scripts --no-audit --no-fund next@14.2.18 webpack@5.96.1 \
      typescript@5.5.4 eslint@9.15.0 @angular/cli@18.2.12 @angular/core@18.2.12 @angular/compiler-cli@18.2.12 \
      aws-sdk@2.1692.0 react@18.3.1 react-dom@18.3.1 rxjs@7.8.1 lodash@4.17.21 date-fns@4.1.0 core-js@3.39.0 \
      @babel/core@7.26.0 @babel/preset-env@7.26.0)
  cp "$(readlink -f "$(command -v node)")" "$bin/usr/local/bin/node"
  printf '#!/bin/sh\nexec node /app/src/m1.js "$@"\n' >"$IMAGES/trees/entry.sh"; chmod 755 "$IMAGES/trees/entry.sh"

  c=$(build from --pull-never localhost/debian)
  within "$c" 'apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 build-essential ca-certificates git 2>&1; apt-get clean'
  finish "$c" nodeapp-tools
  c=$(build from --pull-never localhost/nodeapp-tools); build add -q "$c" "$bin" / >/dev/null; finish "$c" nodeapp-node
  c=$(build from --pull-never localhost/nodeapp-node); build add -q --chown 1000:1000 "$c" "$app" /app >/dev/null; finish "$c" nodeapp-app
  c=$(build from --pull-never localhost/nodeapp-app)
  within "$c" 'rm -rf /var/lib/apt/lists/* /usr/share/doc /usr/share/man /app/package-lock.json; mkdir -p /app/src; for i in $(seq 200); do echo "export const x$i = $i" >/app/src/m$i.js; done; useradd -m -u 1000 app'
  finish "$c" nodeapp-clean
  c=$(build from --pull-never localhost/nodeapp-clean)
  build add -q "$c" "$IMAGES/trees/entry.sh" /usr/local/bin/docker-entrypoint.sh >/dev/null
  build config --entrypoint '["docker-entrypoint.sh"]' "$c"
  finish "$c" nodeapp; layout nodeapp
}

make_nodeapp-zstd() {
  have nodeapp || make_nodeapp
  skopeo copy -q --dest-compress-format zstd "oci:$IMAGES/oci/nodeapp:latest" "oci:$IMAGES/oci/nodeapp-zstd.new:latest"
  mv "$IMAGES/oci/nodeapp-zstd.new" "$IMAGES/oci/nodeapp-zstd"
}

make_chunked() {
  have "$1" || "make_$1"
  skopeo copy -q --dest-compress-format zstd:chunked "oci:$IMAGES/oci/$1:latest" "oci:$IMAGES/oci/$1-chunked.new:latest"
  mv "$IMAGES/oci/$1-chunked.new" "$IMAGES/oci/$1-chunked"
}
make_debian-chunked() { make_chunked debian; }
make_nodeapp-chunked() { make_chunked nodeapp; }

make_bigfile() {
  local tree=$IMAGES/trees/bigfile/data c
  mkdir -p "$tree"
  # `head` ends the pipe early: that is not a failure.
  (set +o pipefail
    find /usr/lib /usr/bin -xdev -type f -size +64k -print0 | sort -z | xargs -0 cat 2>/dev/null | head -c 500M >"$tree/binaries.img"
    find /usr/include /usr/share /usr/lib -xdev -type f \( -name '*.h' -o -name '*.json' -o -name '*.js' -o -name '*.py' -o -name '*.txt' \) -print0 |
      sort -z | xargs -0 cat 2>/dev/null | head -c 250M >"$tree/text.ndjson"
    openssl enc -aes-128-ctr -K 000102030405060708090a0b0c0d0e0f -iv 00000000000000000000000000000000 -in /dev/zero 2>/dev/null | head -c 250M >"$tree/noise.bin") || true
  c=$(build from scratch); build add -q "$c" "$IMAGES/trees/bigfile" / >/dev/null
  finish "$c" bigfile; layout bigfile
}

command=${1:?usage: images.sh make IMAGE… | push PORT IMAGE…}; shift
case $command in
make) for image in "$@"; do have "$image" || "make_$image"; done ;;
push)
  port=$1; shift
  for image in "$@"; do skopeo copy -q --preserve-digests --dest-tls-verify=false "oci:$IMAGES/oci/$image:latest" "docker://127.0.0.1:$port/$image:latest"; done ;;
*) echo "unknown command $command" >&2; exit 2 ;;
esac
