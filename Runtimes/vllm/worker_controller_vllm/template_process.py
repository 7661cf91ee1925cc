"""A template: makes one model ready on a thread that then ends, and forks the model's front ends and cores."""

import gc
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from worker_controller_vllm import priority
from worker_controller_vllm.control import EXIT_FAILED
from worker_controller_vllm.errors import one_line
from worker_controller_vllm.fork_server import ForkServer
from worker_controller_vllm.memory import give_back_free_memory, private_bytes
from worker_controller_vllm.messages import Accepted, Failed, Message, Prepare, Prepared
from worker_controller_vllm.process_log import flush_output, logger
from worker_controller_vllm.runtime import Birth, Preparation, Role

THREAD_END_SECONDS = 5.0
"""How long the threads of a computation that has ended may take to be gone."""


@dataclass
class _Making:
    """One order to prepare, on its way or done."""

    order: Prepare
    stages: list[dict[str, Any]] = field(default_factory=list)
    error: BaseException | None = None
    ended: bool = False
    since: float = field(default_factory=time.monotonic)
    owned: int = field(default_factory=private_bytes)

    def mark(self, stage: str) -> None:
        now = time.monotonic()
        self.stages.append({"stage": stage, "ms": round((now - self.since) * 1000, 3)})
        give_back_free_memory()
        owned = private_bytes()
        logger.info("%s: %.0f ms, %.1f MB", stage, (now - self.since) * 1000, (owned - self.owned) / 1e6)
        self.owned = owned
        self.since = time.monotonic()


class TemplateProcess(ForkServer):
    """The template of one model.

    What computes on several threads may not be forked, and neither may what is still being made. So a model is made
    ready on a thread of its own, whose helper threads (OpenMP's) end with it, and forks happen on the main thread,
    which never computes: a child's main thread starts afresh.
    """

    role = "template"

    def __init__(self, birth: Birth, preparation: Preparation) -> None:
        self._preparation = preparation
        self._making: _Making | None = None
        self._model: str | None = None
        self._is_made = False
        self._is_loaded = False
        super().__init__(birth.identity, birth.device)

    @property
    def state(self) -> str:
        if self._making is not None:
            return "preparing"
        return "prepared" if self._is_made else "idle"

    def roles(self) -> Mapping[str, Role]:
        return self._preparation.roles

    def reason_against_fork(self) -> str | None:
        return None if self.state == "prepared" else f"the template is {self.state}, not prepared"

    def _handle(self, message: Message) -> None:
        if isinstance(message, Prepare):
            self._prepare(message)
        else:
            super()._handle(message)

    def _on_wake(self) -> None:
        super()._on_wake()
        if self._making is not None and self._making.ended:
            self._finish(self._making)

    def _prepare(self, order: Prepare) -> None:
        if reason := self._reason_against(order):
            return self._control.send(Failed(re=order.id, reason=reason))
        self._model = order.model
        self._making = making = _Making(order)
        self._control.send(Accepted(re=order.id))
        gc.enable()
        self._thread = threading.Thread(target=self._make, args=(making,), name="prepare", daemon=True)
        self._thread.start()

    def _reason_against(self, order: Prepare) -> str | None:
        if self._making is not None:
            return f"'{self._model}' is being prepared"
        if self._model not in (None, order.model):
            return f"this is the template of '{self._model}'"
        if self._is_loaded or (self._is_made and not order.weights):
            return f"'{self._model}' is prepared already"
        if not order.names:
            return "no names to serve the model under"
        return None

    def _make(self, making: _Making) -> None:
        try:
            with priority.lowered():
                if not self._is_made:
                    self._preparation.make(making.order, making.mark)
                if making.order.weights:
                    self._preparation.load(making.mark)
        except BaseException as error:  # A model's own code may raise anything, and even exit.
            making.error = error
        making.ended = True
        self._control.wake()

    def _finish(self, making: _Making) -> None:
        self._thread.join()
        if (left := _threads_left_by(self._thread)) and making.error is None:
            making.error = RuntimeError(f"threads are still there, and forks would lose them: {', '.join(left)}")
        self._making = None
        if making.error is not None:
            logger.error("'%s' could not be prepared", self._model, exc_info=making.error)
        else:
            self._is_made = True
            self._is_loaded = self._is_loaded or making.order.weights
            _freeze()
        self._control.send(
            Prepared(
                model=making.order.model,
                weights=self._is_loaded,
                stages=making.stages,
                private_bytes=private_bytes(),
                error=one_line(making.error) if making.error else None,
            )
        )
        flush_output()
        if making.error is not None:
            self._control.finish(EXIT_FAILED)


def run(birth: Birth, preparation: Callable[[], Preparation]) -> int:
    """The main thread of a template, from its birth to its end."""
    return TemplateProcess(birth, preparation()).run()


def _freeze() -> None:
    """What lives now lives as long as the template: no collection looks at it again, and children share its pages."""
    gc.collect()
    gc.disable()
    gc.freeze()
    give_back_free_memory()


def _threads_left_by(preparing: threading.Thread) -> list[str]:
    """The names of Python threads that do not end; waits for all others, and for the OpenMP team of `preparing`.

    Python calls a thread ended a moment before its thread-local state is torn down, which is what ends the team; there
    is no event for that. The threads of vLLM's process groups stay; they are idle.
    """
    deadline = time.monotonic() + THREAD_END_SECONDS
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    for thread in others:
        thread.join(max(deadline - time.monotonic(), 0))
    while os.path.exists(f"/proc/self/task/{preparing.native_id}"):
        if time.monotonic() >= deadline:
            return [preparing.name]
        time.sleep(0.001)
    return [thread.name for thread in others if thread.is_alive()]
