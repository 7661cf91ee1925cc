"""A fake zygote with its fake controller, driven as a controller would."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from fake_controller import FakeController, Peer

PROGRAM = Path(__file__).parent / "fake_zygote.py"


class Bench:
    """One fake zygote, what was forked from it, and the controller that they dial."""

    def __init__(self, run_directory: Path, orphan_timeout_ms: int) -> None:
        self.run_directory = run_directory
        self.controller = FakeController(run_directory / "control.sock", orphan_timeout_ms)
        self.log = run_directory / "zygote.log"
        words = ["--control", str(self.controller.path), "--process", "p-1", "--runtime", "fake", "--epoch", "4"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(PROGRAM), *words, "--orphan-timeout-ms", str(orphan_timeout_ms)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
            )
        self.pids: list[int] = []

    @property
    def zygote(self) -> Peer:
        return self.controller.wait_for_hello("p-1")

    def fork(self, process: str, role: str = "core", source: Peer | None = None, **changes: Any) -> Peer:
        answer = self.ask_fork(process, role, source, **changes)
        assert answer["type"] == "forked", answer
        return self.controller.wait_for_hello(process)

    def ask_fork(self, process: str, role: str = "core", source: Peer | None = None, **changes: Any) -> dict[str, Any]:
        """Asks the zygote for a process, or the template whose connection `source` is."""
        fields = {
            "process": process,
            "role": role,
            "device": "cpu:0",
            "cores": [],
            "log": str(self.run_directory / f"{process}.log"),
            "temporary_directory": str(self.run_directory / "t" / process),
        }
        answer = self.controller.ask(source or self.zygote, "fork", **{**fields, **changes})
        if answer["type"] == "forked":
            self.pids.append(answer["pid"])
        return answer

    def assign(self, peer: Peer, other: Peer, script: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        fields = {
            "engine": "e-3",
            "generation": {"epoch": 4, "counter": 9},
            "names": ["m", "e-3"],
            "path": "/m",
            "arguments": script or {},
            "environment": {},
            "socket": "/x/f.sock",
            "input_socket": "/x/in",
            "output_socket": "/x/out",
            "device": "cpu:0",
            "cores": [],
            "world_size": 1,
            "peer_pid": other.hello["pid"],
        }
        return self.controller.ask(peer, "assign", **{**fields, **changes})

    def order(self, template: Peer, script: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        """Sends `prepare` and returns its answer."""
        return self.controller.ask(template, "prepare", **self.preparation(script, **changes))

    def preparation(self, script: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        """What `prepare` says."""
        fields = {
            "model": "m",
            "names": ["m"],
            "path": "/m",
            "arguments": script or {},
            "environment": {},
            "device": "cpu:0",
            "cores": [],
            "weights": False,
        }
        return {**fields, **changes}

    def prepare(self, template: Peer, script: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        """Has a template prepare its model; returns what it said of it."""
        before = len(template.events("prepared"))
        answer = self.order(template, script, **changes)
        assert answer["type"] == "accepted", answer
        self.controller.wait("prepared", lambda: len(template.events("prepared")) > before)
        return template.events("prepared")[-1]

    def log_of(self, process: str) -> str:
        return (self.run_directory / f"{process}.log").read_text()

    def wait_for_end(self, pid: int, seconds: float = 20) -> None:
        self.controller.wait(f"end of {pid}", lambda: not alive(pid), seconds)

    def exited(self, process: str) -> dict[str, Any]:
        """What was said of the end of a process, by whoever forked it."""

        def find() -> dict[str, Any] | None:
            events = (event for peer in self.controller.peers for event in peer.events("exited"))
            return next((event for event in events if event["process"] == process), None)

        return self.controller.wait(f"exited of {process}", find)

    def close(self) -> None:
        for pid in self.pids:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(20)
        self.controller.close()


def alive(pid: int) -> bool:
    """Whether a process runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
