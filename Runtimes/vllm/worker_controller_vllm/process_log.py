"""Log lines of this package, on standard error (which is the process's log file)."""

import logging
import sys

logger = logging.getLogger("worker_controller_vllm")


def start_logging(level: int = logging.INFO) -> None:
    """Sends this package's log lines to standard error, apart from vLLM's own logging configuration."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s [%(process)d] %(message)s"))
    logger.handlers = [handler]
    logger.setLevel(level)
    logger.propagate = False


def flush_output() -> None:
    """Writes out what is buffered. A full disk (or a closed stream) costs log lines, never the process or its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass  # There is nowhere left to say it.
