"""A process whose child watches it: `watched_child.py METHOD KIND`. The child says what it does, a line each.

`METHOD` is how `multiprocessing` starts it. `KIND`: `orderly`: it ends on SIGTERM; `stuck`: it ignores that; `late`: it
watches when its parent has ended already; `closed`: it watches no more by then; `sibling`: as `orderly`, and another
child was forked after it.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
from multiprocessing import connection

from worker_controller_vllm import parent_watch


def say(*words: object) -> None:
    os.write(1, f"{' '.join(map(str, words))}\n".encode())


def on_signal(number: int, frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)
    say("ends on", signal.Signals(number).name)
    sys.exit(0)


def on_end(pid: int) -> None:
    say("parent", pid, "ended")


def wait_for_parents_end() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    while os.path.exists(f"/proc/{parent.pid}"):
        time.sleep(0.01)  # Nobody tells when it is reaped.


def child(kind: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN if kind == "stuck" else on_signal)
    if kind == "stuck":
        parent_watch.END_SECONDS = 0.3
    if kind == "late":
        say("ready", os.getpid())
        wait_for_parents_end()
    watch = parent_watch.watch_parent(on_end)
    assert watch is not None
    if kind == "closed":
        watch.close()
    if kind != "late":
        say("ready", os.getpid())
    if kind == "closed":
        wait_for_parents_end()
        say("threads", *(thread.name for thread in threading.enumerate()))
    else:
        threading.Event().wait()


def sibling() -> None:
    say("sibling", os.getpid())
    os.closerange(0, 3)
    time.sleep(60)


def main() -> None:
    method, kind = sys.argv[1:]
    context = multiprocessing.get_context(method)
    context.Process(target=child, args=(kind,)).start()
    if kind == "sibling":
        context.Process(target=sibling).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
