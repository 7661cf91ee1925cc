"""An executor's connection to the controller: asks for workers, gives them back, hears when they are wanted back."""

import functools
import itertools
import os
import queue
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from worker_controller_vllm.control import EXIT_REFUSED, EXIT_STOPPED, ControlLoop, Identity
from worker_controller_vllm.memory import private_bytes
from worker_controller_vllm.messages import (
    Done,
    Error,
    Failed,
    Generation,
    Hello,
    LeaseGrant,
    LeaseRefused,
    LeaseRelease,
    LeaseRequest,
    LeaseRevoke,
    Message,
    Ping,
    Pong,
)

SOCKET_VARIABLE = "WORKER_CONTROLLER_SOCKET"
"""Names the controller's socket to an executor in a vLLM that a user started."""

CONNECT_SECONDS = 10.0
REQUEST_SECONDS = 300.0
"""How long a request may wait for others to give workers back."""

RELEASE_SECONDS = 5.0
_GRACE_SECONDS = 2.0
"""How much longer than the controller's deadline we wait for its word that it has passed."""

ROLE = "executor"

PARK = "worker_controller_park"
"""Name of the collective call that gives an engine's workers back."""

UNPARK = "worker_controller_unpark"
"""Name of the one that leases some again."""


class LeaseError(RuntimeError):
    """There are no workers; says why and what can be done about it."""


@dataclass(frozen=True)
class Home:
    """The engine that an executor of ours belongs to."""

    identity: Identity
    engine: str
    generation: Generation
    environment: Mapping[str, str]
    """What the model's own configuration sets."""


def user_identity(environment: Mapping[str, str]) -> Identity:
    """Who an executor is that no controller started. Raises `LeaseError` where it knows of none."""
    path = environment.get(SOCKET_VARIABLE)
    if not path:
        raise LeaseError(f"set {SOCKET_VARIABLE} to the path of the controller's control.sock")
    return Identity(
        control=os.path.abspath(path), process="", runtime="", epoch=0, orphan_timeout_seconds=CONNECT_SECONDS
    )


class LeaseClient:
    """The control connection of one executor. Its end, without a release, gives the workers back too."""

    def __init__(self, home: Home | None, on_revoke: Callable[[Callable[[], None]], None]) -> None:
        """`on_revoke` lets go of the workers and then calls what it is given; on a thread of its own, once a lease."""
        self._home = home
        self._identity = home.identity if home else user_identity(os.environ)
        self._on_revoke = on_revoke
        self._numbers = itertools.count(1)
        self._answers: dict[int, queue.SimpleQueue[Message | str]] = {}
        self._grant: LeaseGrant | None = None
        self._lock = threading.Lock()
        self._ended: str | None = None
        if home is None:
            _look_for(self._identity.control)
        self._control = ControlLoop(self._identity, self._hello, self._handle, self._answered)
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self._thread.start()

    @property
    def grant(self) -> LeaseGrant | None:
        """The lease that is held."""
        return self._grant

    def request(self, fields: Mapping[str, Any], seconds: float | None = None) -> LeaseGrant:
        """Waits for workers. Raises `LeaseError`."""
        seconds = REQUEST_SECONDS if seconds is None else seconds
        answer = self._ask(lambda number: LeaseRequest(id=number, deadline_ms=seconds * 1000, **fields), seconds)
        if not isinstance(answer, LeaseGrant):
            raise LeaseError(f"the controller at {self._identity.control} gives no workers: {_reason(answer)}")
        return answer

    def release(self, wait: bool = True) -> None:
        """Gives the workers back; without a lease, does nothing."""
        with self._lock:
            grant, self._grant = self._grant, None
        if grant is None:
            return

        def message(number: int) -> LeaseRelease:
            return LeaseRelease(id=number, engine=grant.engine, generation=grant.generation)

        if wait:
            self._ask(message, RELEASE_SECONDS)
        else:
            self._send(message(next(self._numbers)))

    def close(self) -> None:
        """Ends the connection once what was said is written."""
        with self._lock:
            if self._ended is None:
                self._control.finish(EXIT_STOPPED)
        if threading.current_thread() is not self._thread:
            self._thread.join(RELEASE_SECONDS)

    def _ask(self, make: Callable[[int], Message], seconds: float) -> Message | str:
        """The answer, or why there is none."""
        number = next(self._numbers)
        inbox: queue.SimpleQueue[Message | str] = queue.SimpleQueue()
        with self._lock:
            if self._ended is not None:
                return self._ended
            self._answers[number] = inbox
        try:
            self._send(make(number))
            return inbox.get(timeout=seconds + _GRACE_SECONDS)
        except queue.Empty:
            pass
        finally:
            with self._lock:  # What comes from now on finds nobody (`_answered`).
                self._answers.pop(number, None)
        try:
            return inbox.get_nowait()  # It came since the last look.
        except queue.Empty:
            return f"it did not answer within {seconds:g} s"

    def _hello(self, request: int) -> Hello:
        home = self._home
        return self._identity.hello(
            request,
            ROLE,
            "idle",
            engine=home.engine if home else None,
            generation=home.generation if home else None,
        )

    def _handle(self, message: Message) -> None:
        if isinstance(message, LeaseGrant | LeaseRefused | Done | Failed):
            self._answered(message)
        elif isinstance(message, LeaseRevoke):
            self._revoke(message)
        elif isinstance(message, Ping):
            owned = private_bytes() if message.asks_for_memory else None
            self._send(Pong(re=message.id, progress=0, private_bytes=owned))
        else:
            reason = f"an {ROLE} does not take '{message.TYPE}'"
            self._send(Error(re=getattr(message, "id", None), reason=reason))

    def _answered(self, answer: LeaseGrant | LeaseRefused | Done | Failed | Error) -> None:
        """Gives an answer to who waits for it. From here on a grant is held, or is given back."""
        with self._lock:
            inbox = None if answer.re is None else self._answers.pop(answer.re, None)
            if inbox is not None:
                inbox.put(answer)
                if isinstance(answer, LeaseGrant):
                    self._grant = answer
        if inbox is None and isinstance(answer, LeaseGrant):  # For a request that was given up.
            number = next(self._numbers)
            self._send(LeaseRelease(id=number, engine=answer.engine, generation=answer.generation))

    def _revoke(self, order: LeaseRevoke) -> None:
        with self._lock:
            held = self._grant
            is_held = held is not None and (held.engine, held.generation) == (order.engine, order.generation)
            if is_held:
                self._grant = None
        if not is_held:
            return self._send(Failed(re=order.id, reason=f"{order.engine} has no such lease here"))
        # Not on this thread: workers take their time, and pings are answered meanwhile.
        done = functools.partial(self._send, Done(re=order.id))
        threading.Thread(target=self._on_revoke, args=(done,), name="revoke", daemon=True).start()

    def _send(self, message: Message) -> None:
        with self._lock:
            if self._ended is None:
                self._control.send(message)

    def _run(self) -> None:
        status = self._control.run()
        path = self._identity.control
        if status == EXIT_REFUSED:
            reason = f"the controller at {path} refused this executor: {self._control.refusal}"
        else:
            reason = f"nobody has answered at {path} for some time"
        with self._lock:
            self._ended = reason
            inboxes = list(self._answers.values())
            self._control.close()
        for inbox in inboxes:
            inbox.put(reason)


def _look_for(path: str) -> None:
    """Says at once that a controller is not there; one that is there is waited for."""
    with socket.socket(socket.AF_UNIX) as trial:
        trial.settimeout(CONNECT_SECONDS)
        try:
            trial.connect(path)
        except FileNotFoundError:
            raise LeaseError(f"no controller at {path}: there is no such socket ({SOCKET_VARIABLE})") from None
        except OSError as error:
            raise LeaseError(f"no controller at {path}: {error.strerror or error} ({SOCKET_VARIABLE})") from None


def _reason(answer: Message | str) -> str:
    return answer if isinstance(answer, str) else str(getattr(answer, "reason", answer.TYPE))
