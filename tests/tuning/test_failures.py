"""The line that is told of a failure, from texts as Ray gives them."""

from tuning.failures import is_input_error, last_failure, reason

DIED = """Failure # 1 (occurred at 2026-11-24_17-28-43)
The actor died unexpectedly before finishing this task.
\tclass_name: ClassifierTrainable
\tpid: 4252
The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit detail: Worker unexpectedly exits with a connection error code 2. End of file. Some common causes include: (1) the process was killed by the OOM killer due to high memory usage, (2) ray stop --force was called, or (3) the worker crashed unexpectedly due to SIGSEGV or another unexpected error.
"""
RAISED = """Failure # 2 (occurred at 2026-11-24_17-29-12)
\x1b[36mray::ClassifierTrainable.train()\x1b[39m (pid=4252, ip=192.0.2.2)
  File "trainables/classifier.py", line 80, in step
    loss.backward()
RuntimeError: CUDA error: an illegal memory access was encountered
CUDA kernel errors might be asynchronously reported at some other API call.
Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.
"""
INPUT = """Failure # 3 (occurred at 2026-11-24_17-29-12)
\x1b[36mray::ClassifierTrainable.train()\x1b[39m (pid=4252, ip=192.0.2.2)
  File "trainables/kept_state.py", line 22, in load_state
data_utils.errors.InputError: learner.pt: 2 problems
  cannot be read
  drop it
"""


def test_only_the_last_failure_counts() -> None:
    """Ray's file holds them all."""
    assert reason(RAISED + DIED).startswith("its worker died without a word: killed, crashed, or lost with its machine; ")
    assert last_failure(DIED + RAISED).splitlines()[1].startswith("\x1b[36mray::ClassifierTrainable")


def test_what_was_raised_is_found_above_the_rest_of_its_message() -> None:
    """The first line of a message of several; without any such line, the last there is."""
    assert reason(DIED + RAISED) == "RuntimeError: CUDA error: an illegal memory access was encountered"
    assert reason("one thing\nanother\n\n") == "another"
    assert reason("").startswith("its worker died without a word")


def test_bad_input_is_told_from_other_failures() -> None:
    """By its class, in the last failure alone."""
    assert is_input_error(RAISED + INPUT)
    assert not is_input_error(INPUT + RAISED)
    assert reason(INPUT) == "data_utils.errors.InputError: learner.pt: 2 problems"


GPU = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.10 GiB of "
    "which 1.20 GiB is free. Including non-PyTorch memory, this process has 77.80 GiB memory in use."
)
HOST = """1 worker(s) were killed due to the node running low on memory. Memory on the node (IP: 192.0.2.2, ID: 069e) was 7.77GB used / 23.54GB limit (0.330030)
OOM kill reason: Memory usage 8268759040B exceeded threshold of 252760624B (1.0% of 25276063744B limit)
Refer to the documentation. To disable worker killing, set the environment variable `RAY_memory_monitor_refresh_ms` to zero.
"""


def test_memory_that_ran_out_says_what_to_lower() -> None:
    """A GPU's, a machine's as Ray and as Python tell of it, and a worker that may have died of it."""
    assert reason(GPU) == (
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.10 GiB "
        "of which 1.20 GiB is free; lower data.batch_size, data.eval_batch_size or data.image_size, or raise "
        "resources.gpus, so that fewer trials share a GPU"
    )
    lower = (
        "lower resources.max_concurrent, so that fewer trials run at once, or data.batch_size, data.eval_batch_size or "
        "data.image_size"
    )
    assert reason(HOST) == (
        f"its machine ran low on memory (7.77GB used / 23.54GB), so its worker was killed; {lower}"
    )
    assert reason("MemoryError: no more") == f"MemoryError: no more; {lower}"
    assert reason(DIED).endswith(f"; if memory ran out, {lower}")
