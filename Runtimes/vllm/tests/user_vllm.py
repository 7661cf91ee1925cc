"""A vLLM that a user started, unmodified: a script, or a server."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from lease_desk import LeaseDesk
from real_leases import EXACT, PROMPTS
from real_runtime import Engine, RealRuntime, call

from worker_controller_vllm.engine_config import REMOTE_EXECUTOR
from worker_controller_vllm.lease_client import SOCKET_VARIABLE

SCRIPT = Path(__file__).parent / "user_script.py"


def executor_environment(runtime: RealRuntime, **more: str) -> dict[str, str]:
    return {SOCKET_VARIABLE: str(runtime.controller.path), **more}


class UserScript:
    """`user_script.py` in a process of its own."""

    def __init__(self, model: Path, executor: str, size: int, tokens: int, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, SCRIPT, str(model), executor, str(size), str(tokens)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", **environment},
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.process.stdin.write(json.dumps(PROMPTS).encode())
        self.process.stdin.close()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line.decode(errors="replace").rstrip())

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.output[-3000:]
        return "READY" in self.lines

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def finish(self, seconds: float = 240) -> list[list[int]]:
        assert self.process.wait(seconds) == 0, self.output[-3000:]
        return self.answers()

    def answers(self) -> list[list[int]]:
        self._reader.join(30)
        (line,) = [line for line in self.lines if line.startswith("ANSWERS ")]
        return json.loads(line.removeprefix("ANSWERS "))

    def end(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(30)


class UserServer:
    """vLLM's own server in a process of its own, with leased workers."""

    def __init__(self, desk: LeaseDesk, model: Path, folder: Path) -> None:
        self._desk = desk
        self._log = folder / "server.log"
        self._socket = Path(tempfile.mkdtemp(prefix="wc-")) / "s"
        words = [f"--{name}" if value is True else f"--{name}={value}" for name, value in EXACT.items()]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "vllm.entrypoints.openai.api_server", f"--model={model}"]
                + [f"--uds={self._socket}", "--served-model-name=m"]
                + [f"--distributed-executor-backend={REMOTE_EXECUTOR}", *words],
                env={**os.environ, "HF_HUB_OFFLINE": "1", **executor_environment(desk.runtime)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def wait_until_ready(self) -> Engine:
        """The engine, as one of ours is asked."""

        def serves() -> bool:
            assert not self.has_ended(), self.output[-3000:]
            try:
                return call(self._socket, "GET", "/health")[0] == 200
            except OSError:
                return False

        self._desk.wait("server", serves, 240)
        return Engine("m", self._socket, *([self._desk.workers[0]] * 2), self._socket, self._socket)

    def end(self) -> None:
        """Ends all of its processes, also those that outlived the first."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # All have ended.
        self.process.wait(30)
