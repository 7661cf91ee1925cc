"""How long an assignment takes to the first token, and whether the engine then equals a stock vLLM server.

    python benchmarks/warm_start.py ../../models/SmolLM2-135M-Instruct [--cycles 5] [--skip-stock] [--json FILE]

Two names of the same model are assigned in turn, each to a fresh pair of processes that was forked before and is idle,
as the controller keeps them. Then a stock server runs with the same flags: same greedy tokens, decode speed and time
to the first token of a second request are compared.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from real_runtime import ARGUMENTS, RealRuntime, call, stream

from worker_controller_vllm.engine_config import EXECUTOR
from worker_controller_vllm.memory import private_bytes

PROMPTS = [
    "The capital of France is",
    "Write a short poem about the sea.",
    "def fibonacci(n):",
    "List three fruits:",
    "Once upon a time there was a dragon who",
]
DECODE_TOKENS = 128
DECODE_ROUNDS = 6
MIB = 1 << 20


class Server:
    """A ready server, ours or stock."""

    def __init__(self, socket: Path, model: str) -> None:
        self.socket = socket
        self.model = model
        self.speeds: list[float] = []
        self.first: list[float] = []

    def greedy_tokens(self) -> list[list[int]]:
        """Token ids of the prompts' greedy continuations."""
        tokens = []
        for prompt in PROMPTS:
            body = {"model": self.model, "prompt": prompt, "max_tokens": 64, "temperature": 0, "return_token_ids": True}
            status, answer = call(self.socket, "POST", "/v1/completions", body)
            assert status == 200, answer
            tokens.append(json.loads(answer)["choices"][0]["token_ids"])
        return tokens

    def decode(self, number: int) -> None:
        """Notes the decode speed and the time to the first token of one stream."""
        begin = time.monotonic()
        chunks = stream(self.socket, self.model, f"{number}. A long story:", DECODE_TOKENS, ignore_eos=True)
        next(chunks)
        seen = time.monotonic()
        for _ in chunks:
            pass
        self.first.append((seen - begin) * 1000)
        self.speeds.append((DECODE_TOKENS - 1) / (time.monotonic() - seen))

    def figures(self) -> dict[str, Any]:
        return {
            "decode_tokens_per_s": [round(speed, 1) for speed in self.speeds],
            "next_first_token_ms": [round(first, 1) for first in self.first],
        }


def measure_starts(runtime: RealRuntime, models: list[Path], cycles: int) -> tuple[dict[str, Any], Server]:
    """The times of `cycles` starts after a first one, and the last engine, still serving."""
    rows: list[dict[str, float]] = []
    for cycle in range(cycles + 1):
        pair = runtime.fork_pair()
        idle = max(private_bytes(member.pid) / MIB for member in pair)
        time.sleep(0.5)  # As in a pool: forked long before it is needed.
        engine = runtime.assign(pair, models[cycle % 2], f"model-{cycle % 2}")
        runtime.wait_until_ready(engine)
        ready = time.monotonic() - engine.assigned_at
        next(stream(engine.socket, engine.name, PROMPTS[0], 4))
        row = {"ready_ms": ready * 1000, "first_token_ms": (time.monotonic() - engine.assigned_at) * 1000}
        for member in engine.members:
            row |= {f"{member.role}.{stage['stage']}": stage["ms"] for stage in member.stages()}
            row[f"{member.role}.private_mib"] = private_bytes(member.pid) / MIB
        rows.append(row)
        if cycle < cycles:
            runtime.kill(engine)
    figures = {
        "zygote_start_s": round(runtime.start_seconds, 1),
        "zygote_private_mib": private_bytes(runtime.process.pid) // MIB,
        "idle_private_mib": round(idle, 1),
        "first_of_all_ms": round(rows[0]["first_token_ms"]),
        "all_first_token_ms": [round(row["first_token_ms"]) for row in rows[1:]],
        "median": {name: round(statistics.median(row[name] for row in rows[1:])) for name in rows[0]},
    }
    return figures, Server(engine.socket, engine.name)


@contextlib.contextmanager
def stock_server(work: Path, model: Path) -> Iterator[tuple[float, Server]]:
    """A stock server with the same flags, and the seconds from its start to its first token."""
    socket = work / "stock.sock"
    flags = [word for name, value in ARGUMENTS.items() for word in _flag(name, value)]
    words = ["--model", str(model), "--uds", str(socket), "--served-model-name", "m", *flags]
    words += ["--distributed-executor-backend", EXECUTOR, "--disable-uvicorn-access-log"]
    begin = time.monotonic()
    with (work / "stock.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *words],
            stdout=log,
            stderr=log,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"},
        )
    try:
        _retry(lambda: call(socket, "GET", "/health")[0] == 200, process)
        next(stream(socket, "m", PROMPTS[0], 4))
        yield time.monotonic() - begin, Server(socket, "m")
    finally:
        process.terminate()
        process.wait(60)


def _flag(name: str, value: Any) -> list[str]:
    return [f"--{name}"] if value is True else [f"--{name}", str(value)]


def _retry(attempt: Callable[[], bool], server: subprocess.Popen, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"the stock server ended with {server.returncode}")
        try:
            if attempt():
                return
        except OSError:
            pass
        time.sleep(0.01)
    raise TimeoutError("the stock server did not get ready")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--cycles", type=int, default=5)
    parser.add_argument("--skip-stock", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    model = options.model.absolute()
    # So that a time limit, too, ends what was started here.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="worker-controller-benchmark-") as folder, contextlib.ExitStack() as stack:
        work = Path(folder)
        copied = work / "copied-model"
        shutil.copytree(model, copied)
        runtime = RealRuntime(work / "run")
        stack.callback(runtime.close)
        result["ours"], ours = measure_starts(runtime, [model, copied], options.cycles)
        if not options.skip_stock:
            seconds, stock = stack.enter_context(stock_server(work, model))
            result["stock"] = {"first_token_ms": round(seconds * 1000)}
            tokens = zip(ours.greedy_tokens(), stock.greedy_tokens(), strict=True)
            result["same_greedy_tokens"] = [mine == theirs for mine, theirs in tokens]
            # In turn, so that whatever else runs on the machine meets both.
            for number in range(DECODE_ROUNDS):
                ours.decode(number)
                stock.decode(number)
            result["ours"] |= ours.figures()
            result["stock"] |= stock.figures()
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
