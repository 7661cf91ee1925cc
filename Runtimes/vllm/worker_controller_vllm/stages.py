"""The order and the times of the stages of one process's start."""

import time
from collections.abc import Sequence


class Stages:
    """Which stage a start is in and since when. The time of a stage runs from the end of the one before it."""

    def __init__(self) -> None:
        self._left: list[str] = []
        self._since = 0.0

    def begin(self, order: Sequence[str]) -> None:
        """Starts the clock of the first of the stages in `order`."""
        self._left = list(order)
        self._since = time.monotonic()

    @property
    def current(self) -> str | None:
        """The stage that the start is in; None when all have ended."""
        return self._left[0] if self._left else None

    def end(self, stage: str) -> float:
        """Ends `stage`, which must be the current one; returns how long it took, in milliseconds."""
        if stage != self.current:
            raise ValueError(f"stage {stage} ended while the start was in {self.current}")
        self._left.pop(0)
        return self._lap()

    def interrupt(self) -> float:
        """How long the current stage has run, in milliseconds; no stage follows."""
        self._left.clear()
        return self._lap()

    def _lap(self) -> float:
        now = time.monotonic()
        milliseconds = (now - self._since) * 1000
        self._since = now
        return round(milliseconds, 3)
