"""The process that started this one by `multiprocessing`, watched: a child need not notice its parent's death."""

import faulthandler
import multiprocessing
import os
import select
import signal
import threading
from collections.abc import Callable

END_SECONDS = 15.0
"""How long an end in order may take: workers leave their work, and the controller is told."""

_AGAIN_MILLISECONDS = 1000
_STANDARD_ERROR = 2


class ParentWatch:
    """Waits for the parent's end on a thread of its own, until `close`, and then ends this process."""

    def __init__(self, pid: int, sentinel: int, on_end: Callable[[int], None]) -> None:
        self._pid = pid
        self._sentinel = sentinel
        self._on_end = on_end
        self._stop = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(target=self._watch, name="parent-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """From now on the parent may end."""
        os.eventfd_write(self._stop, 1)
        self._thread.join()
        os.close(self._stop)

    def _watch(self) -> None:
        try:
            process = os.pidfd_open(self._pid)
        except ProcessLookupError:
            return self._end_this_process()
        poller = select.poll()
        # Either may be the only one that tells. The sentinel is a pipe, which siblings that were forked later hold
        # open. The id may be another process's by now: then the parent has ended, and has let go of the pipe.
        for descriptor in (self._stop, self._sentinel, process):
            poller.register(descriptor, select.POLLIN)
        ready = {descriptor for descriptor, _ in poller.poll()}
        os.close(process)
        if self._stop not in ready:
            self._end_this_process()

    def _end_this_process(self) -> None:
        """Asks it to end, as its parent would have; ends it when that takes too long, and writes where it was."""
        self._on_end(self._pid)
        # Acts without the interpreter, which may be held up, or be ending itself.
        faulthandler.dump_traceback_later(END_SECONDS, exit=True, file=_STANDARD_ERROR)
        stop = select.poll()
        stop.register(self._stop, select.POLLIN)
        handler = signal.getsignal(signal.SIGTERM)
        # Again, because Python does not see a signal that comes at the moment at which its main thread goes to wait.
        # Whoever has seen it takes its handler away, as vLLM does, or closes this watch.
        while signal.getsignal(signal.SIGTERM) is handler:
            os.kill(os.getpid(), signal.SIGTERM)
            if stop.poll(_AGAIN_MILLISECONDS):
                return


def watch_parent(on_end: Callable[[int], None]) -> ParentWatch | None:
    """Ends this process when its parent has ended, also where it has already; `on_end` gets the parent's id before.

    None where this process is no child of `multiprocessing`.
    """
    parent = multiprocessing.parent_process()
    return None if parent is None or parent.pid is None else ParentWatch(parent.pid, parent.sentinel, on_end)
