"""A forked process as its controller sees it: what front ends, cores and workers have in common.

The main thread belongs to the role (vLLM needs it for signals and its event loop). Everything that must answer at any
time, also while a model loads, happens on the control thread.
"""

import os
import threading
import time
from collections.abc import Callable
from typing import NoReturn

from worker_controller_vllm.control import EXIT_FAILED, EXIT_STOPPED, ControlLoop
from worker_controller_vllm.memory import private_bytes
from worker_controller_vllm.messages import Done, Error, Hello, Message, Ping, Pong, Stop
from worker_controller_vllm.process_log import flush_output, logger
from worker_controller_vllm.runtime import Birth


def _nothing() -> int:
    return 0


class ForkedProcess:
    """Dials the controller on a thread of its own, and answers what is asked of every process."""

    def __init__(self, birth: Birth) -> None:
        self.role = birth.role
        self._parent = birth.parent
        self._identity = birth.identity
        self._device = birth.device
        self._progress: Callable[[], int] = _nothing
        self._cache_bytes: Callable[[], int] = _nothing
        self._owned_bytes: Callable[[], int | None] = private_bytes
        self._stopping = False
        self._control = ControlLoop(birth.identity, self._hello, self._handle)

    @property
    def device(self) -> str:
        """The device that it was forked for."""
        return self._device

    def start(self) -> None:
        """Dials the controller on a thread of its own. The process ends when that loop ends."""
        threading.Thread(target=self._run_control, name="control", daemon=True).start()

    def progress(self) -> int:
        """The counter that `pong` reports."""
        return self._progress()

    def count_progress_with(self, counter: Callable[[], int]) -> None:
        """Names the counter that `pong` reports; it must be cheap and safe to call from another thread."""
        self._progress = counter

    def measure_cache_with(self, measure: Callable[[], int]) -> None:
        """Names what tells the resident bytes of the KV cache; called from another thread."""
        self._cache_bytes = measure

    def measure_memory_with(self, measure: Callable[[], int | None]) -> None:
        """Names what tells which memory the process owns alone, None where that cannot be told; called from another
        thread."""
        self._owned_bytes = measure

    def end(self, status: int) -> NoReturn:
        """Ends the process once the control thread has written what is left to say."""
        flush_output()
        self._control.finish(status)
        while True:
            time.sleep(60)  # The control thread ends the process.

    def _hello(self, request: int) -> Hello:
        raise NotImplementedError

    def _handle(self, message: Message) -> None:
        if isinstance(message, Ping):
            self._pong(message)
        elif isinstance(message, Stop):
            self._stopping = True
            self._control.send(Done(re=message.id))
            self._control.finish(EXIT_STOPPED)
        else:
            reason = f"a {self.role} does not take '{message.TYPE}'"
            self._control.send(Error(re=getattr(message, "id", None), reason=reason))

    def _run_control(self) -> None:
        status = EXIT_FAILED
        try:
            status = self._control.run()
        except BaseException:
            logger.exception("the control thread failed")
        # At once and from any state: a forked process holds nothing that an orderly end would save.
        os._exit(status)

    def _pong(self, ping: Ping) -> None:
        self._control.send(
            Pong(
                re=ping.id,
                progress=self._progress(),
                private_bytes=self._owned_bytes() if ping.asks_for_memory else None,
                cache_bytes=self._cache_bytes() if ping.asks_for_memory else 0,
            )
        )
