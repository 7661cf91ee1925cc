#!/bin/sh
# Installs the system packages that the set-up needs where it may (Debian, as root), and says which are missing where it
# may not.
set -eu

missing=
command -v swift >/dev/null || { echo "Swift is missing: install Swift 6.2 or later from https://swift.org/install" >&2; exit 1; }
command -v "${PYTHON:-python3}" >/dev/null || missing="$missing python3"
"${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
# What vLLM's CPU build is linked with.
ldconfig -p | grep -q 'libnuma\.so\.1' || missing="$missing libnuma1"
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing:$missing"
    apt-get update -qq
    # shellcheck disable=SC2086  # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing
else
    echo "These packages are missing; install them, for instance with: sudo apt-get install$missing" >&2
    exit 1
fi
