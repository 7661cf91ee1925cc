"""The vLLM runtime: what its zygote imports and pays for once, and the roles of its children."""

import gc
import importlib
import platform
from importlib import resources

from worker_controller_vllm import compat, core, front_end, template_process, worker
from worker_controller_vllm.compat import zygote
from worker_controller_vllm.compat.worker import VllmWorkers
from worker_controller_vllm.engine_process import as_role
from worker_controller_vllm.prepared import from_scratch
from worker_controller_vllm.process_log import logger
from worker_controller_vllm.runtime import Role
from worker_controller_vllm.template import VllmPreparation
from worker_controller_vllm.turns import Turns

MODULES_FILE = "preloaded_modules.txt"
"""Modules that a first engine in a process was seen to import, one a line; how it was measured is said in the file."""


class VllmRuntime:
    """vLLM's OpenAI server and engine core."""

    def __init__(self) -> None:
        self.roles: dict[str, Role] = {}

    def preload(self) -> dict[str, str]:
        """Imports everything that a front end or core will need. No device, no model, no thread."""
        import_listed()
        compat.warn_of_unchecked_version()
        zygote.configure_logging_once()
        parser = zygote.make_parser()
        zygote.load_general_plugins()
        zygote.register_kernel_overrides_once()
        zygote.read_once()
        zygote.rehearse_operations()
        turns = Turns()
        self.roles = {
            "front_end": as_role(lambda process: front_end.run(process, from_scratch(parser))),
            "core": as_role(lambda process: core.run(process, from_scratch(parser), turns)),
            "worker": lambda birth: worker.run(birth, VllmWorkers(turns)),
            "template": lambda birth: template_process.run(birth, lambda: VllmPreparation(parser, turns)),
        }
        # All that lives now lives as long as the zygote: no collection, here or in a child, needs to look at it again
        # (over a second each), nor write to its pages, which children share.
        gc.collect()
        gc.freeze()
        return {"vllm": compat.vllm_version(), "python": platform.python_version()}


def import_listed() -> None:
    """Imports the listed modules. A list outlives versions, so a missing module is no error."""
    lines = resources.files("worker_controller_vllm").joinpath(MODULES_FILE).read_text().splitlines()
    for name in lines:
        if not name or name.startswith("#"):
            continue
        try:
            importlib.import_module(name)
        except Exception as error:
            logger.debug("not preloaded: %s (%s)", name, error)
