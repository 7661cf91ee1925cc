"""The zygote's program: ``python -m worker_controller_vllm.zygote --control PATH --process p-1 --runtime NAME ...``.

One process per runtime that imports everything once and forks templates, front ends and cores. It never touches a
device and never reads a model's settings or code.
"""

import argparse
import os
import sys
import time

from worker_controller_vllm import environment
from worker_controller_vllm.control import Identity
from worker_controller_vllm.process_log import flush_output, logger, start_logging
from worker_controller_vllm.runtime import Runtime
from worker_controller_vllm.zygote_loop import Zygote


def parse_arguments(words: list[str]) -> Identity:
    """The zygote's identity from its command line (docs/protocol.md, "How a process is started")."""
    parser = argparse.ArgumentParser(prog="worker_controller_vllm.zygote", description="The zygote of a vLLM runtime.")
    parser.add_argument("--control", required=True, help="the controller's socket")
    parser.add_argument("--process", required=True, help="the id that the controller assigned")
    parser.add_argument("--runtime", required=True, help="the runtime's name in the config")
    parser.add_argument("--epoch", required=True, type=int, help="the controller's epoch")
    parser.add_argument("--orphan-timeout-ms", required=True, type=float)
    arguments = parser.parse_args(words)
    return Identity(
        control=os.path.abspath(arguments.control),
        process=arguments.process,
        runtime=arguments.runtime,
        epoch=arguments.epoch,
        orphan_timeout_seconds=arguments.orphan_timeout_ms / 1000,
    )


def serve(identity: Identity, runtime: Runtime) -> int:
    """Preloads the runtime and forks its processes until told to end; returns the exit status."""
    start_logging()
    if os.getsid(0) != os.getpid() and os.getpgid(0) != os.getpid():
        os.setsid()  # A terminal's Ctrl-C for the controller is not for us.
    begin = time.monotonic()
    versions = runtime.preload()
    logger.info("zygote %s ready after %.1f s", identity.process, time.monotonic() - begin)
    return Zygote(identity, runtime.roles, versions).run()


def main() -> None:
    identity = parse_arguments(sys.argv[1:])
    environment.execute_with_environment()
    from worker_controller_vllm.vllm_runtime import VllmRuntime

    # Without the interpreter's own tear-down: it would walk the whole imported heap for nothing.
    status = serve(identity, VllmRuntime())
    flush_output()
    os._exit(status)


if __name__ == "__main__":
    main()
