"""Output that cannot be written."""

import errno
import io
import sys

import pytest

from worker_controller_vllm.process_log import flush_output


class FullDisk(io.StringIO):
    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_or_a_closed_stream_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    for out, err in ((FullDisk(), FullDisk()), (closed, FullDisk()), (FullDisk(), closed)):
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        flush_output()
