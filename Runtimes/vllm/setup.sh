#!/bin/sh
# Makes the Python environment of the vLLM runtime (CPU): Runtimes/vllm/setup.sh [FOLDER=.venv]
#
# Takes minutes the first time (2.5 GB) and under two seconds when nothing has changed. PYTHON names the interpreter to make
# the environment with (default python3; vLLM's CPU build is for 3.11).
set -eu

# Asked only where pip does not find PyTorch's CPU build by its own settings: PyPI does not carry it.
PYTORCH_CPU_INDEX="${PYTORCH_CPU_INDEX:-https://download.pytorch.org/whl/cpu}"

here=$(cd "$(dirname "$0")" && pwd)
environment=${1:-.venv}
stamp="$environment/worker-controller-vllm.stamp"

fail() {
    echo "setup.sh: $1" >&2
    exit 1
}

# What the environment was made from; the package itself is installed as a link and needs no second installation.
wanted=$(cat "$here/requirements-cpu.txt" "$here/requirements-dev.txt" "$here/pyproject.toml" "$here/setup.sh" | sha256sum)
if [ -x "$environment/bin/python" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted $here" ]; then
    echo "$environment is up to date"
    exit 0
fi

python_version() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true
}

if [ ! -x "$environment/bin/python" ]; then
    python=${PYTHON:-python3}
    version=$(python_version "$python")
    [ -n "$version" ] || fail "no Python at '$python'; set PYTHON to a Python 3.11"
    [ "$version" = 3.11 ] || fail "'$python' is Python $version; vLLM's CPU build needs 3.11: set PYTHON to one"
    "$python" -m venv "$environment"
fi
version=$(python_version "$environment/bin/python")
[ "$version" = 3.11 ] || fail "$environment is an environment of Python $version, not 3.11; name another folder or remove it"

pip="$environment/bin/python -m pip --disable-pip-version-check"
torch=$(grep '^torch==' "$here/requirements-cpu.txt")
index=
if ! $pip install --quiet --dry-run --no-deps "$torch" >/dev/null 2>&1; then
    index="--extra-index-url $PYTORCH_CPU_INDEX"
fi

rm -f "$stamp"
# --no-deps: the lists are complete, and leave out what vLLM declares and the CPU does not need (overrides.txt).
$pip install --quiet --no-deps $index -r "$here/requirements-cpu.txt" -r "$here/requirements-dev.txt"
$pip install --quiet --no-deps --no-build-isolation --editable "$here"
"$environment/bin/python" -c 'import worker_controller_vllm'
echo "$wanted $here" > "$stamp"
echo "$environment is ready"
