"""What each substitution in `worker_controller_vllm.compat` saves: starts with it and without it, by turns.

    python Runtimes/vllm/benchmarks/substitutions.py [--model FOLDER] [--cycles N] [NAME ...]

For each name two zygotes run at the same time, one of which leaves that substitution out. In turn each starts an engine
from a template, and from a loaded template, and is asked one question. Printed are medians, with and without.
"""

import argparse
import gc
import mmap
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
TESTS = HERE.parents[1] / "tests"
MODEL = HERE.parents[3] / "models" / "SmolLM2-135M-Instruct"
ZYGOTE = "WORKER_CONTROLLER_WITHOUT"
"""Set in a zygote of this program: the substitution that it leaves out (empty: none)."""
BESIDE_WEIGHTS = 512 << 20
"""Memory in bytes that a start may write to, its weights left out."""


def nothing(*_: Any, **__: Any) -> None:
    return None


def without_lazy_cache() -> None:
    from worker_controller_vllm.compat.cache import LazyCache

    LazyCache._map = nothing


def without_fast_loading() -> None:
    from worker_controller_vllm.compat import core, executor

    core.fast_loading = executor.fast_loading = nullcontext


def without_early_repacking() -> None:
    from worker_controller_vllm.compat.early_repacking import EarlyRepacking

    EarlyRepacking.watch = nothing


def without_embedding_lookups() -> None:
    from worker_controller_vllm.compat.embeddings import Lookups

    Lookups.watch = nothing


def without_untouched_memory() -> None:
    from worker_controller_vllm.compat import executor, loading

    executor.untouched_memory = loading.untouched_models = nullcontext


def without_quick_reload_record() -> None:
    from worker_controller_vllm.compat import executor, loading

    executor.quick_reload_record = loading.quick_reload_record = nullcontext


def without_huge_pages() -> None:
    from worker_controller_vllm import environment

    environment.huge_pages_are_offered = lambda: False


def without_early_model() -> None:
    from worker_controller_vllm.compat import executor

    executor._create_model_early = nothing


def without_early_executor() -> None:
    from worker_controller_vllm.compat import executor

    executor.prepare_executor = nothing


def without_one_tokenizer() -> None:
    from worker_controller_vllm.compat import front_end

    front_end.share_first_tokenizer = nothing


def without_needless_processors() -> None:
    from worker_controller_vllm.compat import front_end

    front_end.skip_needless_processors = nothing


def without_later_tokenizer() -> None:
    from worker_controller_vllm.compat import core

    core._load_tokenizer_on_first_use = nothing


def without_kernel_overrides() -> None:
    from worker_controller_vllm.compat import zygote

    zygote.register_kernel_overrides_once = nothing


def without_reading_once() -> None:
    from worker_controller_vllm.compat import zygote

    zygote.read_once = nothing


def without_rehearsal() -> None:
    from worker_controller_vllm.compat import zygote

    zygote.rehearse_operations = nothing


def without_frozen_heap() -> None:
    gc.freeze = nothing


def without_model_inspection() -> None:
    from worker_controller_vllm.compat import config

    config.inspect_models_in_process = nothing
    # vLLM keeps what it has found of an architecture: here it has never met one.
    os.environ["VLLM_CACHE_ROOT"] = os.path.join(os.environ["HF_MODULES_CACHE"], "vllm")


def without_early_application() -> None:
    from worker_controller_vllm import application

    async def later(*_: Any) -> None:
        return None

    application.build_early = later


def without_early_sockets() -> None:
    from worker_controller_vllm.compat import front_end

    front_end.client_addresses = lambda input_socket, output_socket: {
        "input_address": f"ipc://{input_socket}",
        "output_address": f"ipc://{output_socket}",
    }


def without_one_arena() -> None:
    from worker_controller_vllm import environment

    stock = environment.tunables

    def tunables(present: str, huge_pages: bool) -> str:
        return ":".join(word for word in stock(present, huge_pages).split(":") if "arena_max" not in word)

    environment.tunables = tunables


def without_preloaded_modules() -> None:
    from worker_controller_vllm import vllm_runtime

    vllm_runtime.import_listed = nothing


def without_room_for_descriptors() -> None:
    from worker_controller_vllm import child

    child._make_room_for_descriptors = nothing


SUBSTITUTIONS: dict[str, Callable[[], None]] = {
    "lazy-cache": without_lazy_cache,
    "fast-loading": without_fast_loading,
    "early-repacking": without_early_repacking,
    "embedding-lookups": without_embedding_lookups,
    "untouched-memory": without_untouched_memory,
    "quick-reload-record": without_quick_reload_record,
    "huge-pages": without_huge_pages,
    "early-executor": without_early_executor,
    "early-model": without_early_model,
    "one-tokenizer": without_one_tokenizer,
    "needless-processors": without_needless_processors,
    "later-tokenizer": without_later_tokenizer,
    "kernel-overrides": without_kernel_overrides,
    "reading-once": without_reading_once,
    "rehearsal": without_rehearsal,
    "frozen-heap": without_frozen_heap,
    "model-inspection": without_model_inspection,
    "early-application": without_early_application,
    "early-sockets": without_early_sockets,
    "one-arena": without_one_arena,
    "preloaded-modules": without_preloaded_modules,
    "descriptors": without_room_for_descriptors,
}


@dataclass
class Samples:
    """What was seen of one zygote."""

    warm: list[float] = field(default_factory=list)
    asleep: list[float] = field(default_factory=list)
    template_ms: float = 0.0
    template_mb: float = 0.0


def write_to_free_memory(size: int) -> None:
    """A virtual machine's host may have taken it: giving it back is not to be measured."""
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.madvise(mmap.MADV_HUGEPAGE)
        memory[:: mmap.PAGESIZE] = bytes(size // mmap.PAGESIZE)


class Side:
    """One zygote with a template, and one with a loaded one."""

    def __init__(self, folder: Path, model: Path, without: str, can_sleep: bool) -> None:
        from real_runtime import RealRuntime

        os.environ[ZYGOTE] = without
        self.model = model
        weights = sum(file.stat().st_size for file in model.glob("*.safetensors"))
        self.free_bytes = (weights + BESIDE_WEIGHTS) // mmap.PAGESIZE * mmap.PAGESIZE
        self.samples = Samples()
        self.runtime = RealRuntime(folder, [str(HERE)])
        begin = time.monotonic()
        self.warm = self.runtime.make_template(model, "warm")
        self.samples.template_ms = (time.monotonic() - begin) * 1000
        self.samples.template_mb = self.warm.peer.events("prepared")[0]["private_bytes"] / 1e6
        self.asleep = self.runtime.make_template(model, "asleep", weights=True) if can_sleep else None

    def start(self, is_measured: bool) -> None:
        """One start from each template."""
        for template, times in ((self.warm, self.samples.warm), (self.asleep, self.samples.asleep)):
            if template is not None:
                milliseconds = self._first_token(template)
                if is_measured:
                    times.append(milliseconds)

    def _first_token(self, template: Any) -> float:
        from real_runtime import stream

        pair = self.runtime.fork_pair(template.peer)
        time.sleep(0.3)  # A pair of the pool has been idle for a while.
        write_to_free_memory(self.free_bytes)
        engine = self.runtime.assign(pair, self.model, "m")
        self.runtime.wait_until_ready(engine)
        next(stream(engine.socket, "m", "The sea is", 2))
        milliseconds = (time.monotonic() - engine.assigned_at) * 1000
        self.runtime.kill(engine)
        return milliseconds


def compare(name: str, model: Path, cycles: int) -> None:
    """Prints one line: medians with the substitution, and without it."""
    folder = Path(tempfile.mkdtemp(prefix="wc-substitutions-"))
    # Without an executor made ahead no weights can be kept.
    can_sleep = name != "early-executor"
    sides = [Side(folder / "with", model, "", can_sleep), Side(folder / "without", model, name, can_sleep)]
    for cycle in range(cycles + 1):
        for side in sides if cycle % 2 else reversed(sides):
            side.start(is_measured=cycle > 0)
    for side in sides:
        side.runtime.close()
    cells = [name]
    for values in ([side.samples.warm for side in sides], [side.samples.asleep for side in sides]):
        cells += [f"{statistics.median(times):.0f}" if times else "-" for times in values]
    cells += [f"{side.samples.template_ms:.0f}" for side in sides]
    cells += [f"{side.samples.template_mb:.0f}" for side in sides]
    print("| " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--cycles", type=int, default=10)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SUBSTITUTIONS))
    options = parser.parse_args()
    if unknown := set(options.names) - set(SUBSTITUTIONS):
        parser.error(f"no substitution is called {', '.join(sorted(unknown))}; there are {', '.join(SUBSTITUTIONS)}")
    sys.path.insert(0, str(TESTS))
    kinds = ["warm, ms", "asleep, ms", "template, ms", "template, MB"]
    print("| | " + " | ".join(f"{kind}: with | without" for kind in kinds) + " |")
    print("|---" * (1 + 2 * len(kinds)) + "|")
    for name in options.names or SUBSTITUTIONS:
        compare(name, options.model, options.cycles)


def serve_as_zygote(without: str) -> None:
    from worker_controller_vllm import zygote

    if without:
        SUBSTITUTIONS[without]()
    zygote.main()


if __name__ == "__main__":
    if "--control" in sys.argv:
        serve_as_zygote(os.environ[ZYGOTE])
    else:
        main()
