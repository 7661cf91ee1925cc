"""The vLLM runtime of Worker Controller: a zygote, and the front ends and engine cores that it forks."""

__version__ = "0.1.0"
