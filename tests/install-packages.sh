#!/bin/sh
# install-packages.sh [build] [test] [lint] [cluster]: installs the Debian or Ubuntu packages that are missing for these
# (for all, if none is named). Does nothing, quickly, when all are there. Works as root or through sudo. On a system
# without apt it names what is needed and leaves it to you.
set -eu

build="gcc libc6-dev make pkg-config libuv1-dev libcurl4-openssl-dev libwslay-dev libyaml-dev libssl-dev
  zlib1g-dev libmicrohttpd-dev lua5.4 liblua5.4-dev lua-cjson lua-argparse"
test="check lua-busted valgrind lua5.1 liblua5.1-0-dev lua5.2 liblua5.2-dev lua5.3 liblua5.3-dev luajit
  libluajit-5.1-dev lua-luv lua-cqueues luarocks nghttp2-proxy libcjson-dev"
lint="clang clang-tidy cppcheck lua-check"
cluster="containerd runc containernetworking-plugins busybox-static iproute2 util-linux procps openssl curl
  gcc libc6-dev lua5.4 lua-cjson lua-busted"

[ $# -gt 0 ] || set -- build test lint cluster
wanted=
for group in "$@"; do
  case $group in
  build) wanted="$wanted $build" ;;
  test) wanted="$wanted $test" ;;
  lint) wanted="$wanted $lint" ;;
  cluster) wanted="$wanted $cluster" ;;
  *) echo "usage: install-packages.sh [build] [test] [lint] [cluster]" >&2; exit 2 ;;
  esac
done

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "no apt here: make sure the counterparts of these are installed:" $wanted >&2
  exit 0
fi

installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null | sed -n 's/^installed //p' || true)
missing=
for package in $wanted; do
  case "
$installed
" in
  *"
$package
"*) ;;
  *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "missing:$missing; install them as root" >&2; exit 1; }
  as_root=sudo
fi
echo "installing:$missing"
$as_root apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing \
  </dev/null >/dev/null
