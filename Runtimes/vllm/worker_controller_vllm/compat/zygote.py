"""vLLM in the zygote: what is imported and paid for once. Nothing here reads a model."""

import functools
import importlib.metadata
import inspect
from argparse import ArgumentParser

import torch

from worker_controller_vllm.compat import fallback

_PLUGIN_GROUPS = (
    "vllm.logits_processors",
    "vllm.io_processor_plugins",
    "vllm.stat_logger_plugins",
    "vllm.endpoint_plugins",
)


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


def read_once() -> None:
    """Has every child know what each would look up for itself, several times a start.

    The processors, for which vLLM runs `lscpu` twice; and the plugins that installed packages offer, whose files Python
    reads for each kind of them. A package that is installed later is one for the next zygote, as its modules are.
    """
    try:
        from vllm.utils import cpu_resource_utils

        cpu_resource_utils._get_cpu_list = functools.cache(cpu_resource_utils._get_cpu_list)
        cpu_resource_utils.get_allowed_cpu_list()
    except Exception as error:
        fallback("reading the list of processors once", error)
    importlib.metadata.entry_points = functools.cache(importlib.metadata.entry_points)
    for group in _PLUGIN_GROUPS:
        importlib.metadata.entry_points(group=group)


def rehearse_operations() -> None:
    """Computes what a model does while it is created: torch sets an operation up at its first use.

    On so little that torch starts no thread, which a zygote must not have.
    """
    positions = torch.arange(4, dtype=torch.float)
    frequencies = torch.einsum("i,j->ij", positions, 1.0 / 10000.0**positions)
    torch.cat((frequencies.cos(), frequencies.sin()), dim=-1).to(torch.bfloat16)
