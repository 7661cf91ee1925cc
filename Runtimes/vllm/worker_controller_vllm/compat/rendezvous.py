"""Where the ranks of a group find each other: a file, another one beside it, and shared memory."""

import os

from vllm.utils.network_utils import get_file_store_init_method

from worker_controller_vllm.compat.shared_memory import remove_names


def new() -> str:
    """An address that no other group has."""
    return get_file_store_init_method()


def lock_of(rendezvous: str) -> str:
    """The file for a lock of this group alone."""
    return f"{_path_of(rendezvous)}.lock"


def remove(rendezvous: str) -> None:
    """Takes away what there is of it.

    By its executor when the ranks have met; and by every worker that leaves the group, because torch makes the file
    anew when a rank closes it, and an executor may be killed before its ranks have met.
    """
    if not rendezvous:
        return
    path = _path_of(rendezvous)
    for name in (path, lock_of(rendezvous)):
        try:
            os.unlink(name)
        except FileNotFoundError:
            pass
    remove_names(os.path.basename(path))


def _path_of(rendezvous: str) -> str:
    return rendezvous.removeprefix("file://")
