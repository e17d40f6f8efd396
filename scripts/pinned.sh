# To be sourced. fetch_pinned PYTHON PINS FOLDER: what the file PINS names, with its hashes, into FOLDER; nothing where it is there
# already. A virtual environment is not needed, and may not be there. Fails where pip does.
fetch_pinned() {
  local stamp
  stamp=$(sha256sum <"$2" | cut -d' ' -f1)
  if [ "$(cat "$3/stamp" 2>/dev/null || true)" != "$stamp" ]; then
    echo "fetching $2 into $3/" >&2
    rm -rf "$3" "$3.part"
    "$1" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --only-binary=:all: --require-hashes \
      --target "$3.part" --requirement "$2" || return 1
    echo "$stamp" >"$3.part/stamp"
    mv "$3.part" "$3"
  fi
}
