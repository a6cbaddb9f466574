#!/bin/sh
# The Debian packages that the tests and the evaluation use. Says which are missing and installs
# those; says nothing when all are there.
#   curl                the README's first call
#   nodejs, npm         the README's third call, and the stock Node client
#   docker-compose      reads the compose file; needs no engine for it
#   sqlite3             backs a database up while it is served
#   systemd             judges the unit of the service
#   libgomp1            llama.cpp's threads
#   postgresql          the other database; the tests start servers of their own
#   redis-server        counts for replicas; the tests start servers of their own
#   libfaketime         another time of day for one process
#   fonts-*             the rendered pages of the evaluation
#   tesseract-ocr(-deu) the yardstick that a page's reading time is held against
set -eu
wanted="curl docker-compose libfaketime libgomp1 nodejs npm postgresql redis-server sqlite3 systemd"
wanted="$wanted tesseract-ocr tesseract-ocr-deu"
wanted="$wanted fonts-dejavu-core fonts-dejavu-extra fonts-liberation fonts-freefont-ttf"

installed() {
    case $1 in
        # Programs count wherever they come from: Node is often not Debian's.
        nodejs) command -v node >/dev/null ;;
        npm | curl | docker-compose | redis-server | sqlite3) command -v "$1" >/dev/null ;;
        systemd) command -v systemd-analyze >/dev/null ;;
        postgresql) ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null ;;
        *) dpkg-query --show --showformat='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed ;;
    esac
}

missing=
for package in $wanted; do
    installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "The tests and the evaluation need these Debian packages:$missing"
command -v apt-get >/dev/null || {
    echo "There is no apt-get here: please install them by other means." >&2
    exit 1
}
as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
$as_root apt-get update -qq
# shellcheck disable=SC2086 -- a list of names
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
