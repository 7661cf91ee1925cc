"""vLLM in the zygote: what is imported and paid for once. Nothing here reads a model."""

import inspect
from argparse import ArgumentParser

from worker_controller_vllm.compat import fallback


def make_parser() -> ArgumentParser:
    """The parser of vLLM's OpenAI server. Making it reads no model."""
    from vllm.entrypoints.launchers.cli_args import make_arg_parser
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    return make_arg_parser(FlexibleArgumentParser())


def load_general_plugins() -> None:
    from vllm.plugins import load_general_plugins as load

    load()


def register_kernel_overrides_once() -> None:
    """Pays 0.5 s once in the zygote: vLLM registers the same C++ stand-ins for Triton kernels at each model load."""
    try:
        from vllm.platforms import current_platform

        current_platform.register_triton_kernel_overrides()
        kind = type(current_platform)
        if not inspect.ismethod(kind.register_triton_kernel_overrides):
            return fallback("registering kernel overrides once", "not a class method")
        kind.register_triton_kernel_overrides = classmethod(lambda cls: None)
    except Exception as error:
        fallback("registering kernel overrides once", error)


def configure_logging_once() -> None:
    """Applies vLLM's logging configuration, as a server does first of all; a child with the same one need not again.

    It costs 0.1 s: `dictConfig` clears the caches of all loggers for each of them.
    """
    from vllm.config.logging import LoggingConfig
    from vllm.logger import configure_logging_if_needed

    configure_logging_if_needed(LoggingConfig())
