# Sourced by the scripts behind ./demo and ./check: where things are, what has to be installed, how it is built.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# Debian 12's packages, by purpose.
build_packages=(build-essential autoconf automake libtool pkg-config libevent-dev libpq-dev libyaml-dev libjansson-dev
        libssl-dev libxlsxwriter-dev libisal-dev libcurl4-openssl-dev zlib1g-dev postgresql-15 ca-certificates curl tzdata)
test_packages=(libcmocka-dev python3-minimal python3-openpyxl openssl git clang-format cppcheck)
long_packages=(libreoffice-calc-nogui) # of ./check --long

as_root() {
        if [ "$(id -u)" = 0 ]; then "$@"
        elif command -v sudo >/dev/null; then sudo "$@"
        else die "these have to be installed as root: $* (become root, or install sudo)"
        fi
}

missing_packages() {
        local package
        for package in "$@"; do
                [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s\n' "$package"
        done
}

install_packages() {
        local missing
        command -v dpkg-query >/dev/null || { say "not a Debian system: install the packages of packaging/common.sh yourself"; return 0; }
        mapfile -t missing < <(missing_packages "$@")
        [ "${#missing[@]}" = 0 ] && return 0
        say "installing ${missing[*]}"
        as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q >&2
        # Debian would start a cluster of its own with the server's package; Busbar brings a private one.
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" >&2 ||
                die "apt-get could not install: ${missing[*]}"
}

# node and npm run the scenarios' independent clients; any Node from 18 on will do.
install_node() {
        command -v node >/dev/null || install_packages nodejs
        command -v npm >/dev/null || install_packages npm
}

# configure_in FOLDER OPTION…: configures once, and again when the options or configure.ac change.
configure_in() {
        local folder=$1 stamp; shift
        mkdir -p "$folder"
        stamp="$* $(cksum < "$root/configure.ac")"
        if [ ! -x "$root/configure" ] || [ "$root/configure.ac" -nt "$root/configure" ]; then
                (cd "$root" && autoreconf -fi >"$folder/autoreconf.log" 2>&1) ||
                        { cat "$folder/autoreconf.log" >&2; die "autoreconf failed"; }
        fi
        [ -f "$folder/Makefile" ] && [ "$(cat "$folder/.configured" 2>/dev/null)" = "$stamp" ] && return 0
        (cd "$folder" && "$root/configure" -q "$@" >configure.log 2>&1) ||
                { tail -n 20 "$folder/configure.log" >&2; die "configure failed (the whole log is $folder/configure.log)"; }
        printf '%s' "$stamp" >"$folder/.configured"
}

# A number of jobs that also fits a small machine: a compiler takes up to half a gigabyte.
jobs() {
        local cores memory
        cores=$(nproc)
        memory=$(awk '/MemAvailable/ {print int($2 / 600000)}' /proc/meminfo)
        [ "$memory" -lt 1 ] && memory=1
        [ "$cores" -lt "$memory" ] && printf '%s' "$cores" || printf '%s' "$memory"
}
