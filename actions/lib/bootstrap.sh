#!/usr/bin/env bash
# Become the hyaction that belongs to this commit of the actions.
#
#   bootstrap.sh COMMAND [ARG...]
#
# hyaction.lock, beside this file, holds the SHA-256 of every binary of one
# release: who pins the action by commit has pinned the bytes that run, whatever
# the place they were downloaded from. It ends in exec, since a cancelled job
# signals this process and not its children.
#
#   HYACTION_BIN     a binary to run in place of the release's
#   HYACTION_MIRROR  where releases are downloaded from
set -euo pipefail

die() {
  echo "::error title=hyaction::$1" >&2
  exit 1
}

if [[ -n "${HYACTION_BIN:-}" ]]; then
  [[ -f "$HYACTION_BIN" && -x "$HYACTION_BIN" ]] || die "HYACTION_BIN is '$HYACTION_BIN', which is not a program"
  exec "$HYACTION_BIN" "$@"
fi

# The runner says what it is; a terminal is asked.
case "${RUNNER_OS:-$(uname -s)}" in
  Linux) os=linux suffix='' ;;
  macOS | Darwin) os=darwin suffix='' ;;
  Windows | MINGW* | MSYS*) os=windows suffix=.exe ;;
  *) die "there is no hyaction for the operating system '${RUNNER_OS:-$(uname -s)}'" ;;
esac
case "${RUNNER_ARCH:-$(uname -m)}" in
  X64 | x86_64) arch=amd64 ;;
  ARM64 | aarch64 | arm64) arch=arm64 ;;
  *) die "there is no hyaction for the architecture '${RUNNER_ARCH:-$(uname -m)}'" ;;
esac

lock="$(dirname "${BASH_SOURCE[0]}")/hyaction.lock"
asset="hyaction_${os}_${arch}.gz"
version="$(awk '$1 == "version" { print $2 }' "$lock")"
want="$(awk -v asset="$asset" '$2 == asset { print $1 }' "$lock")"
[[ -n "$version" ]] || die "this commit belongs to no release: use a tag such as v1, or point HYACTION_BIN to a binary built from it"
[[ "$want" =~ ^[0-9a-f]{64}$ ]] || die "hyaction.lock has no checksum for $asset"

cache="${RUNNER_TOOL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}}"
[[ $os != windows ]] || cache="$(cygpath -u "$cache")"
dir="$cache/hyaction/${version#v}/$arch"
bin="$dir/hyaction$suffix"

# The tool cache's own rule: <arch>.complete says that <arch>/ is whole. Ours
# also holds the checksum, so that another lock never takes this binary.
if [[ ! -x "$bin" || "$(cat "$dir.complete" 2>/dev/null || true)" != "$want" ]]; then
  url="${HYACTION_MIRROR:-https://github.com/buenhyden/hy-home/releases/download}/$version/$asset"
  mkdir -p "$dir"
  work="$(mktemp -d "$dir.XXXXXX")" # beside its place: mv is atomic within one file system only
  trap 'rm -rf "$work"' EXIT
  curl -fsSL --retry 5 --retry-connrefused --connect-timeout 20 --max-time 300 -o "$work/$asset" -- "$url" ||
    die "could not download $url"
  if command -v sha256sum >/dev/null; then sum=(sha256sum); else sum=(shasum -a 256); fi
  got="$("${sum[@]}" <"$work/$asset")"
  [[ "${got%% *}" == "$want" ]] || die "$url has the SHA-256 ${got%% *}, and hyaction.lock says $want: it is not the file that was released"
  gzip -dc "$work/$asset" >"$work/hyaction"
  chmod 0755 "$work/hyaction"
  mv -f "$work/hyaction" "$bin"
  printf '%s' "$want" >"$work/complete"
  mv -f "$work/complete" "$dir.complete"
  rm -rf "$work" # exec runs no trap
  trap - EXIT
fi
exec "$bin" "$@"
