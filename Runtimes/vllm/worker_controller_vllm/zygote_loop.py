"""The zygote at work: one for each runtime, forks templates, front ends and cores."""

import os
import threading
from collections.abc import Mapping
from pathlib import Path

from worker_controller_vllm.control import Identity
from worker_controller_vllm.fork_server import ForkServer
from worker_controller_vllm.process_log import logger
from worker_controller_vllm.runtime import Role


class Zygote(ForkServer):
    """Everything imported, no model. It ends and reaps all that it forked before it ends in order."""

    role = "zygote"

    def __init__(self, identity: Identity, roles: Mapping[str, Role], versions: dict[str, str]) -> None:
        self._roles = roles
        self._versions = versions
        super().__init__(identity)

    @property
    def versions(self) -> dict[str, str]:
        return self._versions

    def roles(self) -> Mapping[str, Role]:
        return self._roles

    def run(self) -> int:
        _log_threads()
        return super().run()

    def _release_children(self) -> None:
        self._end_children()


def _log_threads() -> None:
    names = [Path(f"/proc/self/task/{task}/comm").read_text().strip() for task in os.listdir("/proc/self/task")]
    if len(names) > 1 or threading.active_count() > 1:
        logger.error("the zygote has %d threads (%s): forks are not safe", len(names), ", ".join(names))
