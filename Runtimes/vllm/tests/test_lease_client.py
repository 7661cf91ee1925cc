"""An executor's word with the controller."""

import os
import queue
import threading
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fake_controller import FakeController, Peer

from worker_controller_vllm import lease_client
from worker_controller_vllm.control import Identity
from worker_controller_vllm.lease_client import SOCKET_VARIABLE, Home, LeaseClient, LeaseError
from worker_controller_vllm.messages import Generation

GENERATION = {"epoch": 4, "counter": 9}
WORKER = {"process": "p-5", "pid": 4711, "socket": "/run/w/p-5.sock", "device": "cpu:0", "cores": [0]}
FIELDS = {"world_size": 1, "model": "m", "device_type": "cpu", "footprint_bytes": 7, "versions": {"vllm": "0.32.0"}}


class Desk:
    """The controller's side, and a thread for what blocks on ours."""

    def __init__(self, folder: Path) -> None:
        self.controller = FakeController(folder / "control.sock")
        self.clients: list[LeaseClient] = []
        self.revoked: list[Callable[[], None]] = []
        self._pool = ThreadPoolExecutor(4)

    def client(self, home: Home | None = None) -> LeaseClient:
        made = LeaseClient(home, self.revoked.append)
        self.clients.append(made)
        return made

    @property
    def peer(self) -> Peer:
        return self.controller.wait_for_executor(os.getpid())

    def run(self, work: Callable[..., Any], *values: Any) -> Any:
        """Lets `work` block while the controller is played."""
        return self._pool.submit(work, *values)

    def result(self, future: Any) -> Any:
        self.controller.wait("the answer", future.done)
        return future.result()

    def asked(self, kind: str) -> dict[str, Any]:
        return self.controller.wait(kind, lambda: next(iter(self.peer.events(kind)), None))

    def lease(self, client: LeaseClient) -> None:
        """Grants it one worker."""
        future = self.run(client.request, FIELDS)
        self.grant(self.asked("lease.request"))
        self.result(future)

    def grant(self, request: dict[str, Any]) -> None:
        self.peer.answer("lease.grant", request, engine="e-3", generation=GENERATION, workers=[WORKER])

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self._pool.shutdown()
        self.controller.close()


@pytest.fixture
def desk(run_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    made = Desk(run_directory)
    monkeypatch.setenv(SOCKET_VARIABLE, str(made.controller.path))
    yield made
    made.close()


def test_an_executor_that_a_user_started(desk: Desk) -> None:
    client = desk.client()
    hello = desk.peer.hello
    assert (hello["role"], hello["process"], hello["epoch"], hello["runtime"]) == ("executor", "", 0, "")
    assert (hello["state"], hello["pid"]) == ("idle", os.getpid())
    assert hello.keys().isdisjoint({"engine", "generation"})
    desk.lease(client)
    request = desk.asked("lease.request")
    assert {name: request[name] for name in FIELDS} == FIELDS
    assert request["deadline_ms"] == 300_000
    assert client.grant is not None and client.grant.workers[0].process == "p-5"


def test_the_executor_of_an_engine_of_ours(desk: Desk) -> None:
    identity = Identity(str(desk.controller.path), "p-17", "vllm", 4, 300)
    desk.client(Home(identity, "e-3", Generation(**GENERATION), {}))
    hello = desk.peer.hello
    assert (hello["process"], hello["epoch"], hello["runtime"]) == ("p-17", 4, "vllm")
    assert (hello["engine"], hello["generation"]) == ("e-3", GENERATION)


def test_without_the_variable(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SOCKET_VARIABLE)
    with pytest.raises(LeaseError, match=f"set {SOCKET_VARIABLE} to the path of the controller's control.sock"):
        desk.client()


def test_without_a_controller(desk: Desk, monkeypatch: pytest.MonkeyPatch, run_directory: Path) -> None:
    missing = run_directory / "missing.sock"
    monkeypatch.setenv(SOCKET_VARIABLE, str(missing))
    with pytest.raises(LeaseError, match=f"no controller at {missing}: there is no such socket"):
        desk.client()
    monkeypatch.setenv(SOCKET_VARIABLE, str(desk.controller.path))
    desk.controller.hang_up()
    desk.controller.path.touch()
    with pytest.raises(LeaseError, match=f"no controller at {desk.controller.path}: Connection refused"):
        desk.client()


def test_a_controller_that_does_not_take_it(desk: Desk) -> None:
    desk.controller.refusal = "another user"
    client = desk.client()
    with pytest.raises(LeaseError, match=r"refused this executor: another user"):
        desk.result(desk.run(client.request, FIELDS))


def test_a_controller_that_says_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_client, "CONNECT_SECONDS", 0.5)
    client = desk.client()
    # Nobody plays the controller meanwhile: its backlog takes the connection, and no welcome comes.
    with pytest.raises(LeaseError, match=r"nobody has answered at .* for some time"):
        client.request(FIELDS)


@pytest.mark.parametrize(
    "reason",
    [
        "2 workers are asked for, and this node can have 1 on cpu:0",
        "vLLM 0.31.0 is not the 0.32.0 of the runtime vllm",
        "9.1 GiB are asked for; cpu:0 has 8.0 GiB",
    ],
)
def test_a_refusal_is_told_with_its_reason(desk: Desk, reason: str) -> None:
    client = desk.client()
    future = desk.run(client.request, FIELDS)
    desk.peer.answer("lease.refused", desk.asked("lease.request"), reason=reason)
    with pytest.raises(LeaseError) as caught:
        desk.result(future)
    assert str(caught.value) == f"the controller at {desk.controller.path} gives no workers: {reason}"
    assert client.grant is None


def test_a_request_that_nobody_answers_ends(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_client, "_GRACE_SECONDS", 0.0)
    client = desk.client()
    future = desk.run(client.request, FIELDS, 0.3)
    request = desk.asked("lease.request")
    with pytest.raises(LeaseError, match="did not answer within 0.3 s"):
        desk.result(future)
    # A grant that comes too late is given back, or nobody would ever have it.
    desk.grant(request)
    release = desk.asked("lease.release")
    assert (release["engine"], release["generation"]) == ("e-3", GENERATION)
    assert client.grant is None


def test_a_grant_at_the_last_moment_is_held(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes when the wait for it is over, and nobody has said so yet."""
    came = threading.Event()

    class Inbox(queue.SimpleQueue):
        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            assert came.wait(10)
            raise queue.Empty

    monkeypatch.setattr(lease_client, "queue", types.SimpleNamespace(SimpleQueue=Inbox, Empty=queue.Empty))
    client = desk.client()
    future = desk.run(client.request, FIELDS, 0.1)
    desk.grant(desk.asked("lease.request"))
    desk.controller.ask(desk.peer, "ping")  # Answered after the grant was taken in.
    came.set()
    assert desk.result(future) is client.grant is not None
    assert desk.peer.events("lease.release") == []


def test_a_request_that_is_not_understood_ends_at_once(desk: Desk) -> None:
    client = desk.client()
    future = desk.run(client.request, FIELDS)
    request = desk.asked("lease.request")
    desk.peer.send({"type": "error", "reason": "of no request"})
    desk.controller.ask(desk.peer, "ping")
    assert not future.done()
    desk.peer.answer("error", request, reason="unknown type 'lease.request'")
    with pytest.raises(LeaseError, match=r"gives no workers: unknown type 'lease\.request'$"):
        desk.result(future)
    assert desk.peer.events("error") == [] and client.grant is None


def test_workers_are_given_back_once(desk: Desk) -> None:
    client = desk.client()
    desk.lease(client)
    future = desk.run(client.release)
    desk.peer.answer("done", desk.asked("lease.release"))
    desk.result(future)
    client.release()
    assert len(desk.peer.events("lease.release")) == 1


def test_they_are_asked_for_again(desk: Desk) -> None:
    client = desk.client()
    desk.lease(client)
    client.release(wait=False)
    desk.asked("lease.release")
    future = desk.run(client.request, FIELDS)
    desk.controller.wait("second request", lambda: len(desk.peer.events("lease.request")) == 2)
    desk.grant(desk.peer.events("lease.request")[1])
    assert desk.result(future) is client.grant


def test_a_revocation_is_done_when_the_workers_are_let_go(desk: Desk) -> None:
    client = desk.client()
    desk.lease(client)
    request = desk.peer.request("lease.revoke", engine="e-3", generation=GENERATION)
    desk.controller.wait("revoke", lambda: desk.revoked)
    assert desk.peer.answer_to(request) is None and client.grant is None
    assert desk.controller.ask(desk.peer, "ping")["type"] == "pong"
    (done,) = desk.revoked
    done()
    assert desk.controller.wait("done", lambda: desk.peer.answer_to(request))["type"] == "done"


def test_a_revocation_may_follow_its_grant_at_once(desk: Desk) -> None:
    client = desk.client()
    future = desk.run(client.request, FIELDS)
    desk.grant(desk.asked("lease.request"))
    desk.peer.request("lease.revoke", engine="e-3", generation=GENERATION)
    desk.controller.wait("revoke", lambda: desk.revoked)
    assert desk.result(future).engine == "e-3" and client.grant is None


@pytest.mark.parametrize("engine", ["e-3", "e-4"])
def test_a_revocation_of_something_else_fails(desk: Desk, engine: str) -> None:
    client = desk.client()
    desk.lease(client)
    other = {"epoch": 4, "counter": 8}
    answer = desk.controller.ask(desk.peer, "lease.revoke", engine=engine, generation=other)
    assert (answer["type"], answer["reason"]) == ("failed", f"{engine} has no such lease here")
    assert client.grant is not None and not desk.revoked


def test_a_connection_that_ends_is_made_again(desk: Desk) -> None:
    client = desk.client()
    desk.lease(client)
    desk.controller.hang_up()
    desk.controller.listen()
    assert desk.peer.hello["role"] == "executor"


def test_what_an_executor_does_not_take(desk: Desk) -> None:
    desk.client()
    answer = desk.controller.ask(desk.peer, "reset", generation=GENERATION)
    assert (answer["type"], answer["reason"]) == ("error", "an executor does not take 'reset'")


def test_nothing_is_left_when_it_is_closed(desk: Desk) -> None:
    before = threading.active_count()
    client = desk.client()
    peer = desk.peer
    desk.result(desk.run(client.close))
    desk.controller.wait("end of the connection", lambda: peer.closed)
    assert threading.active_count() <= before + 4  # The pool's.
    assert not [thread for thread in threading.enumerate() if thread.name == "lease"]
