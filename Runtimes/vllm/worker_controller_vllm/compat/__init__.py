"""Every use of a vLLM name that is not documented API, checked on vLLM 0.32.0. One module per process that needs it.

vLLM's files are never changed. What is substituted here is substituted in a forked child only (or, where said, in the
zygote), checks that it finds what it expects, and otherwise leaves vLLM as it is, with one warning line. Two things
cannot be left so, and fail with the checked versions in their message: a core without its handshake, and a server for
an application that is there already.
"""

from worker_controller_vllm.process_log import logger

CHECKED_VERSIONS = ("0.32.0",)


def vllm_version() -> str:
    from vllm.version import __version__

    return __version__


def warn_of_unchecked_version() -> None:
    if vllm_version() not in CHECKED_VERSIONS:
        logger.warning("vLLM %s was not tried with this package (%s was)", vllm_version(), ", ".join(CHECKED_VERSIONS))


def fallback(what: str, why: object) -> None:
    """The one line for a substitution that is not made."""
    logger.warning("%s: vLLM's stock behaviour is kept (%s)", what, why)
