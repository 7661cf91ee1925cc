"""The order and the times of the stages of one process's start, or of its workers' return."""

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

    def end(self, stage: str) -> list[tuple[str, float]]:
        """Ends `stage`; returns what is to be reported: its name and milliseconds.

        Stages before it that could not be told apart from it come first, with no time of their own.
        """
        if stage not in self._left:
            raise ValueError(f"stage {stage} ended while the start was in {self.current}")
        place = self._left.index(stage)
        missed = [(name, 0.0) for name in self._left[:place]]
        del self._left[: place + 1]
        return [*missed, (stage, self._lap())]

    def interrupt(self) -> float:
        """How long the current stage has run, in milliseconds; no stage follows."""
        self._left.clear()
        return self._lap()

    def _lap(self) -> float:
        now = time.monotonic()
        milliseconds = (now - self._since) * 1000
        self._since = now
        return round(milliseconds, 3)
