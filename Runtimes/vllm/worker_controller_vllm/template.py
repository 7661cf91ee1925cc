"""vLLM's template: one model's configuration, application and executor, made before anybody asks for it."""

import asyncio
import os
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from typing import Any

from tqdm import tqdm

from worker_controller_vllm import application, core, engine_config, environment, front_end
from worker_controller_vllm.compat import executor as compat
from worker_controller_vllm.compat import front_end as front_end_compat
from worker_controller_vllm.compat.config import name_process
from worker_controller_vllm.engine_process import as_role
from worker_controller_vllm.messages import Prepare
from worker_controller_vllm.prepared import Prepared, from_template
from worker_controller_vllm.runtime import Role
from worker_controller_vllm.threads import use_threads
from worker_controller_vllm.turns import Turns

Mark = Callable[[str], None]


class VllmPreparation:
    """What a template of vLLM makes (`runtime.Preparation`)."""

    def __init__(self, parser: ArgumentParser, turns: Turns) -> None:
        self._parser = parser
        self._turns = turns
        self.roles: Mapping[str, Role] = {}

    def make(self, order: Prepare, mark: Mark) -> None:
        """All that needs no weights: `config`, `tokenizer`, `app`; `attach` too on a device that survives a fork."""
        name_process("Template")
        self._device = order.device
        tqdm.monitor_interval = 0  # Progress bars would leave a thread behind.
        use_threads(order.cores, order.environment)
        socket = os.path.join(tempfile.gettempdir(), "unused.sock")
        made = engine_config.make(self._parser, order, socket)
        # A pool of threads that the tokenizer starts here would be dead in a child, which would wait for it for ever.
        with environment.changed(TOKENIZERS_PARALLELISM="false"):
            self._make(made, order, mark)

    def _make(self, made: tuple[Namespace, Any, Any], order: Prepare, mark: Mark) -> None:
        self._contents = contents = Prepared(*made)
        mark("config")
        contents.is_application_settled = True
        front_end_compat.log_server_start(contents.args)
        front_end_compat.skip_needless_processors()
        front_end_compat.share_first_tokenizer()
        # Memory that front end and core of one engine share for its inputs must be made by them.
        if not front_end_compat.shares_inputs(contents.config):
            contents.application = asyncio.run(application.build_early(contents, mark))
            mark("app")
            if order.device.startswith("cpu:") and not order.is_remote:
                contents.executor = compat.prepare_executor(contents.config)
                mark("attach")
        prepare = from_template(contents, order)
        self.roles = {
            "front_end": as_role(lambda process: front_end.run(process, prepare)),
            "core": as_role(lambda process: core.run(process, prepare, self._turns)),
        }

    def load(self, mark: Mark) -> None:
        """The weights, as an engine of this model computes with them."""
        if self._contents.executor is None:
            raise RuntimeError(f"weights cannot be kept in this model's template on {self._device}")
        self._contents.executor.load()
        mark("load")
