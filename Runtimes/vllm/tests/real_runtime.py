"""A real zygote and real engines, driven as the controller would; used by the `real` tests and by the benchmark."""

import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fake_controller import FakeController, Peer

ARGUMENTS = {
    "enforce-eager": True,
    "max-model-len": 2048,
    "max-num-seqs": 16,
    "kv-cache-memory-bytes": 256 << 20,
}
"""The flags of the fair stock baseline (with the executor by class name, which the runtime sets itself)."""

STAGES = {"core": ["config", "attach", "load", "kv_cache", "warm_up"], "front_end": ["config", "app", "listen"]}


@dataclass
class Member:
    """One process of an engine."""

    process: str
    role: str
    pid: int
    peer: Peer
    log: Path
    temporary_directory: Path

    def stages(self) -> list[dict[str, Any]]:
        return self.peer.events("stage")


@dataclass
class Engine:
    """A front end and its core."""

    name: str
    socket: Path
    front_end: Member
    core: Member
    input_socket: Path
    output_socket: Path
    assigned_at: float = 0.0

    @property
    def members(self) -> tuple[Member, Member]:
        return (self.front_end, self.core)


class RealRuntime:
    """One zygote with its fake controller, in a run directory of its own."""

    def __init__(self, run_directory: Path, program: Sequence[str] = ("-m", "worker_controller_vllm.zygote")) -> None:
        """`program`: what Python runs as the zygote."""
        self.run_directory = run_directory
        for name in ("f", "t", "w", "logs"):
            (run_directory / name).mkdir(parents=True)
        self.controller = FakeController(run_directory / "control.sock")
        self._numbers = itertools.count(2)
        self._engines = itertools.count(1)
        self._descriptors: list[int] = []
        self.log = run_directory / "logs" / "p-1.log"
        begin = time.monotonic()
        words = ["--control", str(self.controller.path), "--process", "p-1", "--runtime", "vllm", "--epoch", "4"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *program, *words, "--orphan-timeout-ms", "300000"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._environment()},
            )
        self.zygote = self.controller.wait_for_hello("p-1", 240)
        self.start_seconds = time.monotonic() - begin

    def _environment(self) -> dict[str, str]:
        return {
            "HF_HUB_OFFLINE": "1",
            "HF_MODULES_CACHE": str(self.run_directory / "modules"),
            # Tests bring parts of their own into an engine: `failing_logits_processor`.
            "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")])),
        }

    def fork(self, role: str, source: Peer | None = None, cores: Sequence[int] = ()) -> Member:
        """Forks a process from the zygote, or from the template whose connection `source` is."""
        process = f"p-{next(self._numbers)}"
        log = self.run_directory / "logs" / f"{process}.log"
        temporary = self.run_directory / "t" / process
        answer = self.controller.ask(
            source or self.zygote,
            "fork",
            process=process,
            role=role,
            device="cpu:0",
            cores=list(cores),
            log=str(log),
            temporary_directory=str(temporary),
            socket=str(self.worker_socket(process)) if role == "worker" else None,
        )
        assert answer["type"] == "forked", answer
        self._descriptors.append(os.pidfd_open(answer["pid"]))
        return Member(process, role, answer["pid"], self.controller.wait_for_hello(process), log, temporary)

    def worker_socket(self, process: str) -> Path:
        return self.run_directory / "w" / f"{process}.sock"

    def fork_pair(self, source: Peer | None = None) -> tuple[Member, Member]:
        return self.fork("front_end", source), self.fork("core", source)

    def make_template(
        self,
        path: Path | str,
        name: str,
        arguments: dict[str, Any] | None = None,
        environment: dict[str, str] | None = None,
        weights: bool = False,
        workers: int = 0,
    ) -> Member:
        """Forks a template and has it prepare a model; returns when it has."""
        template = self.fork("template")
        self.prepare(template, path, name, arguments, environment, weights, workers=workers)
        return template

    def prepare(
        self,
        template: Member,
        path: Path | str,
        name: str,
        arguments: dict[str, Any] | None = None,
        environment: dict[str, str] | None = None,
        weights: bool = False,
        seconds: float = 120,
        workers: int = 0,
    ) -> dict[str, Any]:
        """Gives a template its order, and returns what became of it. With `workers`: of engines that lease so many."""
        before = len(template.peer.events("prepared"))
        answer = self.controller.ask(
            template.peer,
            "prepare",
            model=name,
            names=[name],
            path=str(path),
            arguments=ARGUMENTS if arguments is None else arguments,
            environment=environment or {},
            device="cpu:0",
            cores=[],
            weights=weights,
            **shape_of(workers),
        )
        assert answer["type"] == "accepted", answer
        self.controller.wait(f"{name} prepared", lambda: len(template.peer.events("prepared")) > before, seconds)
        return template.peer.events("prepared")[-1]

    def assign(
        self,
        pair: tuple[Member, Member],
        path: Path | str,
        name: str,
        arguments: dict[str, Any] | None = None,
        environment: dict[str, str] | None = None,
        workers: int = 0,
    ) -> Engine:
        """Assigns a model to both processes at once; returns before anything is loaded.

        With `workers`: an engine that leases so many, for which somebody must play the controller meanwhile.
        """
        identifier = f"e-{next(self._engines)}"
        front_end, core = pair
        engine = Engine(
            name=name,
            socket=self.run_directory / "f" / f"{identifier}.sock",
            front_end=front_end,
            core=core,
            input_socket=self.run_directory / "t" / f"{identifier}.in",
            output_socket=self.run_directory / "t" / f"{identifier}.out",
        )
        engine.assigned_at = time.monotonic()
        requests = [
            member.peer.request(
                "assign",
                engine=identifier,
                generation={"epoch": 4, "counter": int(identifier[2:])},
                names=[name, identifier],
                path=str(path),
                arguments=ARGUMENTS if arguments is None else arguments,
                environment=environment or {},
                socket=str(engine.socket),
                input_socket=str(engine.input_socket),
                output_socket=str(engine.output_socket),
                device="cpu:0",
                cores=[],
                peer_pid=other.pid,
                **shape_of(workers),
            )
            for member, other in ((front_end, core), (core, front_end))
        ]
        for member, request in zip(engine.members, requests, strict=True):
            answer = self.controller.wait("accepted", lambda m=member, r=request: m.peer.answer_to(r))
            assert answer["type"] == "accepted", answer
        return engine

    def wait_until_ready(
        self, engine: Engine, seconds: float = 120, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        """`meanwhile` is called again and again: what a controller does besides."""

        def ready() -> bool:
            meanwhile()
            for member in engine.members:
                if errors := [stage for stage in member.stages() if stage.get("error")]:
                    raise AssertionError(f"{errors}\n{member.log.read_text()[-3000:]}")
                if member.peer.closed:
                    raise AssertionError(f"{member.role} is gone\n{member.log.read_text()[-3000:]}")
            return any(stage["stage"] == "listen" for stage in engine.front_end.stages())

        self.controller.wait(f"{engine.name} ready", ready, seconds)

    def kill(self, engine: Engine) -> None:
        """Ends an engine as a controller does, and waits until whoever forked it has reaped it."""
        for member in engine.members:
            os.kill(member.pid, signal.SIGKILL)
        for member in engine.members:
            self.wait_for_exit(member)

    def wait_for_exit(self, member: Member, seconds: float = 30) -> dict[str, Any]:
        def exited() -> dict[str, Any] | None:
            for peer in self.controller.peers:
                for event in peer.events("exited"):
                    if event["process"] == member.process:
                        return event
            return None

        return self.controller.wait(f"exit of {member.process}", exited, seconds)

    def close(self) -> None:
        """Ends everything. What templates forked would live on."""
        for descriptor in self._descriptors:
            try:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            except ProcessLookupError:
                pass  # It ended before.
            os.close(descriptor)
        if self.process.poll() is None:
            self.process.kill() if self.zygote.closed else self.zygote.request("stop")
            self.controller.wait("end of the zygote", lambda: self.process.poll() is not None)
        self.controller.close()


def shape_of(workers: int) -> dict[str, Any]:
    """What an order says of an engine with so many leased workers, or with none."""
    return {"executor": "remote", "world_size": workers} if workers else {"world_size": 1}


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float = 120) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def post(engine: Engine, route: str, **body: Any) -> dict[str, Any]:
    """A greedy request that must succeed; its answer."""
    status, answer = call(engine.socket, "POST", route, {"model": engine.name, "temperature": 0, **body})
    assert status == 200, answer
    return json.loads(answer)


def call(path: Path, method: str, route: str, body: dict[str, Any] | None = None) -> tuple[int, bytes]:
    """One HTTP exchange."""
    connection = UnixConnection(path)
    data = None if body is None else json.dumps(body)
    connection.request(method, route, data, {"Content-Type": "application/json"})
    response = connection.getresponse()
    try:
        return response.status, response.read()
    finally:
        connection.close()


def stream(path: Path, model: str, prompt: str, tokens: int, **options: Any) -> Iterator[str]:
    """The texts of a streamed greedy completion, as they arrive. Raises `ConnectionError` for an error among them."""
    connection = UnixConnection(path)
    body = {"model": model, "prompt": prompt, "max_tokens": tokens, "temperature": 0, "stream": True, **options}
    connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    assert response.status == 200, response.read()
    try:
        for line in response:
            if line.startswith(b"data: {"):
                event = json.loads(line[6:])
                if "error" in event:
                    raise ConnectionError(event["error"])
                yield event["choices"][0]["text"]
    finally:
        connection.close()
