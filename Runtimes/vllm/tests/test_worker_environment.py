"""What of an executor's environment its workers get."""

from worker_controller_vllm.worker_environment import for_workers


def test_only_what_a_worker_would_act_on() -> None:
    environment = {
        "VLLM_LOGGING_LEVEL": "DEBUG",
        "HF_HUB_OFFLINE": "1",
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
        "VLLM_API_KEY": "secret",
        "VLLM_CPU_OMP_THREADS_BIND": "0-1",
        "VLLM_RPC_BASE_PATH": "/mine",
        "OMP_NUM_THREADS": "7",
        "LD_PRELOAD": "/x.so",
        "TMPDIR": "/mine",
        "CUDA_VISIBLE_DEVICES": "3",
        "MY_PLUGIN": "on",
        "PATH": "/bin",
    }
    common = {"VLLM_LOGGING_LEVEL": "DEBUG", "HF_HUB_OFFLINE": "1", "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    assert for_workers(environment) == common
    named = ["MY_PLUGIN", "VLLM_API_KEY", "CUDA_VISIBLE_DEVICES", "ABSENT"]
    assert for_workers(environment, named) == {**common, "MY_PLUGIN": "on"}
