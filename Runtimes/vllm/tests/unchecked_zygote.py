"""A zygote for which the vLLM that is there is one that nobody tried."""

from worker_controller_vllm import compat, zygote

if __name__ == "__main__":
    compat.CHECKED_VERSIONS = ("0.0.1",)
    zygote.main()
