"""An executor in a process of its own: attaches to a worker when a line comes, goes as far as it is told, and waits."""

import sys
import time

from leasing import ENGINE, GENERATION, order_of

from worker_controller_vllm.messages import Generation, GrantedWorker, LeaseGrant
from worker_controller_vllm.worker_group import WorkerGroup


def main() -> None:
    path, pid, stage, fifo = sys.argv[1:]
    worker = GrantedWorker(process="p-2", pid=int(pid), socket=path, device="cpu:0", cores=[])
    sys.stdin.readline()
    group = WorkerGroup.connect(LeaseGrant(re=1, engine=ENGINE, generation=Generation(**GENERATION), workers=[worker]))
    if stage == "loading":
        group.order([order_of(wait=fifo)], 5)
    elif stage == "serving":
        group.order([order_of()], 5)
        group.wait_until_ready(10)
    print(stage, flush=True)
    time.sleep(60)


if __name__ == "__main__":
    main()
