"""From `fork` to a process of its own: what a child of the zygote does before its role begins."""

import fcntl
import gc
import os
import resource
import signal
import sys
import tempfile
from pathlib import Path

from worker_controller_vllm import environment
from worker_controller_vllm.messages import Fork
from worker_controller_vllm.process_log import logger

_SEES = "WORKER_CONTROLLER_SEES"

OOM_SCORE_ADJUSTMENT = 500
"""Higher than the controller's and the zygote's: when memory runs out, an engine goes first."""

DESCRIPTORS = 1024
"""As many as a process may have where nobody has changed the limit. A new table has 64 places; a leased worker of a
small model has 86 open."""


def open_log(path: str) -> int:
    """Opens a child's log; done by the zygote, so that a wrong path fails the `fork` and not a silent child."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def become_child(request: Fork, log: int) -> None:
    """Makes the forked copy of the zygote a process of its own, in a session of its own."""
    os.setsid()
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    _reset_signals()
    environment.restore_for_child()
    _use_temporary_directory(request.temporary_directory)
    _see_only(request.device)
    _raise_oom_score()
    _make_room_for_descriptors()
    if request.cores:
        os.sched_setaffinity(0, request.cores)
    _forget_inherited_randomness()
    # The zygote's heap is frozen; only what the child makes is looked at, as in a process of its own.
    gc.enable()


def _reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _use_temporary_directory(path: str) -> None:
    os.makedirs(path, mode=0o700, exist_ok=True)
    os.environ["TMPDIR"] = path
    tempfile.tempdir = path


def _see_only(device: str) -> None:
    """Hides all other GPUs from a process of one; counted among those that the zygote may see. Never run on a GPU.

    A template's children have it from the template: what is the only one there is would not be found again.
    """
    kind, _, index = device.partition(":")
    if kind == "cuda" and os.environ.get(_SEES) != device:
        os.environ[_SEES] = device
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        os.environ["CUDA_VISIBLE_DEVICES"] = visible.split(",")[int(index)] if visible else index


def _raise_oom_score() -> None:
    try:
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE_ADJUSTMENT))
    except OSError as error:
        logger.warning("oom_score_adj: %s", error.strerror)


def _make_room_for_descriptors() -> None:
    """Has the kernel lengthen its table of this process's descriptors while there is one thread only.

    With several it waits each time until no processor reads the old one: some ten milliseconds amid a start.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    os.close(fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, min(limit, DESCRIPTORS) - 1))


def _forget_inherited_randomness() -> None:
    """Two children must not draw the same numbers. Python reseeds `random` at a fork by itself, NumPy does not."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
