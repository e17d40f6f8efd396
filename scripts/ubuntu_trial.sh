#!/usr/bin/env bash
# The wheel on Ubuntu 22.04, tried without a machine of it (root, Debian with debootstrap, a network, 10 GB): its packages with
# Python and nothing else in a folder, the wheel and its torch put there by pip as a user would, doctor and a small study.
# WHEEL=FILE takes one that is made already. Debian does not bring Ubuntu's keys: UNCHECKED=1 takes packages without them, on a
# machine that may be thrown away.
set -euo pipefail
cd "$(dirname "$0")/.."
fail() { echo "$1" >&2; exit 4; }
[ "$(id -u)" = 0 ] || fail "run it as root: it mounts folders and changes the root"
command -v debootstrap >/dev/null 2>&1 || fail "missing: debootstrap (apt-get install debootstrap)"
keys=/usr/share/keyrings/ubuntu-archive-keyring.gpg
check=(--keyring="$keys")
if [ ! -e "$keys" ]; then
  [ "${UNCHECKED:-}" = 1 ] || fail "missing: $keys, or UNCHECKED=1 on a machine that may be thrown away"
  check=(--no-check-gpg)
fi
wheel=${WHEEL:-$(scripts/make_wheel.sh | tail -n 1)}

root=${1:-$(mktemp -d)}
trap '[ -n "${1:-}" ] || rm -rf --one-file-system "$root"' EXIT
packages=python3,python3-venv,python3-pip,ca-certificates
[ -e "$root/etc/lsb-release" ] ||
  debootstrap --variant=minbase "${check[@]}" --components=main,universe --include="$packages" jammy "$root"
# The machine's own way into the network.
for file in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
  [ ! -e "$file" ] || cp -L "$file" "$root$file"
done
mkdir -p "$root/srv" && cp "$wheel" scripts/smallest.toml "$root/srv/"
# Mounts of its own, gone with it; no variables of ours.
env -i PATH="$PATH" unshare --mount bash -euo pipefail -c "
  mount -t proc proc '$root/proc'
  chroot '$root' bash -euo pipefail -c '
    cd /srv
    grep PRETTY_NAME /etc/os-release; ldd --version | head -n 1; python3 --version
    rm -rf rimforge study && python3 -m venv rimforge
    rimforge/bin/pip install --quiet --no-cache-dir ./$(basename "$wheel")
    rimforge/bin/rimforge doctor
    rimforge/bin/rimforge run smallest.toml --set out=study
    ls study
  '
"
