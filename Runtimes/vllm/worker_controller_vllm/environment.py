"""What the process environment of a zygote must hold before anything is imported.

Some settings act only when a process starts (`LD_PRELOAD`) or when a library is first loaded (`OMP_NUM_THREADS`), so
the zygote executes itself once more with them in place.
"""

import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ZYGOTE_ONLY = {
    # No OpenMP team and no tokenizer threads before a fork: only the forking thread lives on in the child.
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
"""Set while the zygote runs; a child gets back what the user had, so that it computes as a stock process does."""

FOR_ALL = {
    # A forked core sets its own thread count and processor affinity; vLLM's binding would need a process start.
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
    # How long a front end waits for its core; read when vLLM is imported. The controller's `start_timeout` bounds a
    # start, and the peer watch ends the wait for a core that died: a day, so that vLLM's 600 s never come first.
    "VLLM_ENGINE_READY_TIMEOUT_S": "86400",
}

HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")

_EXECUTED = "WORKER_CONTROLLER_ZYGOTE_EXECUTED"
_SAVED_PREFIX = "WORKER_CONTROLLER_SAVED_"
_TO_RESTORE = "WORKER_CONTROLLER_TO_RESTORE"
_RUNTIME_LIBRARIES = ("libomp", "libgomp", "libiomp")


def execute_with_environment() -> None:
    """Replaces this process by itself with the environment above, once; returns in the process that has it."""
    if os.environ.pop(_EXECUTED, None) is not None:
        return
    environment = prepared(dict(os.environ))
    environment[_EXECUTED] = "1"
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


def prepared(environment: dict[str, str]) -> dict[str, str]:
    """`environment` with what a zygote needs; the user's values of zygote-only names are kept under other names."""
    for name, value in FOR_ALL.items():
        environment.setdefault(name, value)
    for name, value in ZYGOTE_ONLY.items():
        if name in environment:
            environment[_SAVED_PREFIX + name] = environment[name]
        environment[name] = value
    environment[_TO_RESTORE] = "1"
    preload = stock_preload(environment.get("LD_PRELOAD", ""))
    if preload:
        environment["LD_PRELOAD"] = preload
    environment["GLIBC_TUNABLES"] = tunables(environment.get("GLIBC_TUNABLES", ""), huge_pages_are_offered())
    return environment


def huge_pages_are_offered(setting: Path = HUGE_PAGES) -> bool:
    """Whether the kernel gives huge pages to who asks for them; where it gives them to all, nothing is to be done."""
    try:
        return "[madvise]" in setting.read_text()
    except OSError:
        return False


def tunables(present: str, huge_pages: bool) -> str:
    """glibc's tunables with ours for `malloc`; the user's own settings of the same ones are kept.

    Huge pages: loading a model is mostly page faults otherwise, 1.4 million of 4 KiB for 3 GB of weights that are
    written twice. One arena: what one thread frees, the next one uses, instead of each keeping a hundred MB of its own.
    """
    wanted = {"glibc.malloc.arena_max": "1"}
    if huge_pages:
        wanted["glibc.malloc.hugetlb"] = "1"
    return ":".join(
        filter(None, [present, *(f"{name}={value}" for name, value in wanted.items() if name not in present)])
    )


def restore_for_child() -> None:
    """In a forked child of the zygote: puts the zygote-only names back to what the user had.

    Done once: the children of a template have what their model sets.
    """
    if os.environ.pop(_TO_RESTORE, None) is None:
        return
    for name in ZYGOTE_ONLY:
        saved = os.environ.pop(_SAVED_PREFIX + name, None)
        if saved is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = saved


@contextmanager
def changed(**values: str) -> Iterator[None]:
    """While it is active, these variables have these values; what is set is put back, whoever set it."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def stock_preload(present: str) -> str:
    """The `LD_PRELOAD` with which a stock vLLM (0.32.0) starts its engine core on CPU.

    Same libraries as `vllm.platforms.cpu.CpuPlatform.check_and_update_config`: torch's own OpenMP, so that all parts
    share one pool of threads, and vLLM's bundled tcmalloc where the build has one.
    """
    if not sys.platform.startswith("linux") or _package_folder("vllm") is None or _is_cuda_build():
        return present
    preload = present
    torch = _package_folder("torch")
    if torch is not None and not any(name in preload for name in _RUNTIME_LIBRARIES):
        candidates = [*(torch.parent / "torch.libs").glob("libgomp*.so*"), *(torch / "lib").glob("libgomp*.so*")]
        if candidates:
            preload = ":".join(filter(None, [preload, str(candidates[0])]))
    if "libtcmalloc" not in preload and platform.machine() in ("x86_64", "aarch64", "s390x"):
        libraries = _package_folder("vllm") / "libs"
        candidates = [*libraries.glob("libtcmalloc_minimal*.so*"), *libraries.glob("libtcmalloc.so*")]
        if candidates:
            preload = ":".join(filter(None, [str(candidates[0]), preload]))
    return preload


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _is_cuda_build() -> bool:
    """Whether torch was built for CUDA, read from its version file: importing torch here would be too early."""
    torch = _package_folder("torch")
    if torch is None:
        return False
    try:
        return "cuda: Optional[str] = None" not in (torch / "version.py").read_text()
    except OSError:
        return False
