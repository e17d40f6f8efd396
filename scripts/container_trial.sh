#!/usr/bin/env bash
# What a container is to hold, tried without one (root, Debian with debootstrap): Debian 12 with the packages that
# containers/Containerfile names and nothing else, the program and its libtorch put in as that file does, all of it read-only
# but for the output folder, no network. Runs a small study there.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "run it as root: it mounts folders and changes the root" >&2; exit 4; }
command -v debootstrap >/dev/null 2>&1 || { echo "missing: debootstrap (apt-get install debootstrap)" >&2; exit 4; }

root=${1:-$(mktemp -d)}
trap '[ -n "${1:-}" ] || rm -rf --one-file-system "$root"' EXIT
packages=$(sed -n '/^FROM.*slim$/,$ s/.*--no-install-recommends \(.*\) && rm.*/\1/p' containers/Containerfile | tr ' ' ,)
[ -e "$root/etc/debian_version" ] || debootstrap --variant=minbase --include="$packages" bookworm "$root"
image=$root/opt/rimforge
rm -rf "$image" && mkdir -p "$image/target/release" "$image/.libtorch/torch" "$root/srv"
strip -o "$image/target/release/rimforge" target/release/rimforge
cp -a .libtorch/torch/lib "$image/.libtorch/torch/"
(cd .libtorch && find nvidia -name '*.so*' -exec cp --parents -a {} "$image/.libtorch/" \;)
cp scripts/smallest.toml "$root/srv/study.toml"
mkdir -p "$root/srv/out"
du -sh "$root" | sed 's/$/ in all/'
# Mounts of its own, gone with it; no network; no variables of ours.
env -i unshare --mount --net bash -euo pipefail -c "
  mount --bind '$root' '$root' && mount -o remount,bind,ro '$root'
  mount --bind '$root/srv/out' '$root/srv/out' && mount -o remount,bind,rw '$root/srv/out'
  mount -t proc proc '$root/proc'
  chroot '$root' /opt/rimforge/target/release/rimforge doctor
  cd / && chroot '$root' /opt/rimforge/target/release/rimforge run /srv/study.toml --set out=/srv/out/study
"
find "$root/srv/out" -maxdepth 2 | head -20
