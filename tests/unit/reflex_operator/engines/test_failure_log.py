"""Whole logs in, cause out: recorded from the real SGLang on CPU, or reported for a GPU."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorded import reported_logs
from reflex_api.conditions import Reason
from reflex_operator.engines.death import TEXT_LIMIT, read
from reflex_operator.engines.evidence import evidence
from reflex_operator.engines.failure_log import Diagnosis, classify
from reflex_operator.engines.failure_rules import advice

FOLDER = Path(__file__).parents[3] / "recorded/engine_logs"
RECORDED = {
    "ambiguous-argument": ("EngineArgumentsInvalid", "ambiguous option: --cuda-graph-max-bs"),
    "config-broken": ("ModelFilesInvalid", "config.json' is not a valid JSON file"),
    "config-missing": ("ModelFilesInvalid", "model_type"),
    "context-too-long": ("EngineArgumentsInvalid", "context_length (999999) is greater than"),
    "forged-by-a-request": ("", "crashed with exit code -9"),
    "invalid-choice": ("EngineArgumentsInvalid", "--kv-cache-dtype: invalid choice: 'fp8'"),
    "model-folder-missing": ("ModelFilesInvalid", "/tmp/model"),
    "no-api-key": ("SecretNotFound", "no api-key in"),
    "no-room-for-kv": ("InsufficientGPUMemory", "Raise --mem-fraction-static above 0.0"),
    "port-in-use": ("", "address already in use"),
    "quantization-needs-gpu": ("", "CPU FP8 KV cache requires Intel AMX support"),
    "refused-served-name": ("EngineArgumentsInvalid", "cannot contain a colon"),
    "scheduler-killed": ("", "crashed with exit code -9"),
    "scheduler-killed-at-start": ("", "exit code: -9"),
    "stopped-while-serving": ("ProbeTimeout", "SIGTERM received"),
    "stopped-while-starting": None,
    "tokenizer-missing": ("ModelFilesInvalid", "Couldn't instantiate the backend tokenizer"),
    "unknown-architecture": ("UnsupportedModel", "'NoSuchForCausalLM' is not a registered"),
    "unknown-argument": ("EngineArgumentsInvalid", "unrecognized arguments: --no-such-flag"),
    "unknown-model-type": ("UnsupportedModel", "no_such_model"),
    "unknown-quantization": ("UnsupportedModel", "no_such_method"),
    "weights-cut-off": ("ModelFilesInvalid", "incomplete metadata, file not fully covered"),
    "weights-garbage": ("ModelFilesInvalid", "header too large"),
    "weights-missing": ("ModelFilesInvalid", "Cannot find any model weights"),
    "weights-other-shape": ("ModelFilesInvalid", "org_vocab_size=9000"),
}
OOM = reported_logs.ASKED_FOR_LESS
DEAD = reported_logs.scheduler(OOM, "event_loop_normal")
ALIVE = "[2026-11-21 10:50:00] Decode batch, #running-req: 1, #token: 9\n"
PROBES = '[2026-11-21 10:41:03] INFO:     10.0.0.1:4 - "GET /health HTTP/1.1" 200 OK\n'
UNNAMED = "[2026-11-21 11:00:00] Subprocess scheduler_0 (pid=9) crashed with exit code -9.\n"
# What SGLang, its probes and its end write around the deciding lines, in 0.5.23's words.
NOISE = [
    PROBES,
    "[2026-11-21 10:41:04] Sleeping 5 seconds before crash diagnostics to let GPU activity settle.",
    "[2026-11-21 10:41:04] SIGQUIT received. signum=None, frame=None. It usually means one child",
    "Multi-thread loading shards: 100% Completed | 1/1 [00:00<00:00, 389.73it/s]",
    "\rCapturing batches:  50%|#####     | 2/4 [00:03<00:03,  1.70s/it]",
    "/usr/lib/python3.11/multiprocessing/resource_tracker.py:224: UserWarning: leaked semaphores",
    "[2026-11-21 10:41:05] Ignore import error when loading sglang.srt.models.mamba: CUDA oom",
    "x" * 5000,
    "\x00\x1b[31mred\x1b[0m",
    "",
]


def verdict(text: str) -> Diagnosis:
    found = classify(text)
    assert found is not None
    return found


def test_every_recorded_log_is_in_the_table() -> None:
    assert {path.stem for path in FOLDER.glob("*.log")} == set(RECORDED)


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_what_the_real_sglang_wrote_is_classified(name: str) -> None:
    text = (FOLDER / f"{name}.log").read_text()
    expected = RECORDED[name]
    if expected is None:
        assert classify(text) is None
        return
    found = verdict(text)
    assert ((found.reason.value if found.reason else ""), expected[1] in found.evidence) == (
        expected[0],
        True,
    ), found
    assert len(found.evidence) <= 256
    assert "\n" not in found.evidence


@pytest.mark.parametrize("log", reported_logs.LOGS, ids=lambda log: log.name)
def test_what_others_reported_from_gpus_is_classified(log: reported_logs.Reported) -> None:
    found = verdict(log.text)
    assert (found.reason.value if found.reason else "") == log.reason
    assert log.words in found.evidence
    helps = advice(found.evidence)
    assert log.action in helps
    assert bool(helps) == bool(log.action)


def test_no_recorded_log_holds_a_key() -> None:
    for path in FOLDER.glob("*.log"):
        assert "key-of-the-recorder" not in path.read_text(), path.name


def test_a_fatal_line_far_above_the_tail_is_found() -> None:
    assert verdict(DEAD + PROBES * 1500).reason is Reason.ENGINE_GPU_OUT_OF_MEMORY


@given(st.lists(st.sampled_from(NOISE), max_size=30))
def test_noise_after_the_fatal_line_does_not_change_the_verdict(noise: list[str]) -> None:
    assert classify(DEAD + "\n".join(noise)) == classify(DEAD)


@given(st.data())
def test_noise_between_the_frames_does_not_change_the_verdict(data: st.DataObject) -> None:
    lines = DEAD.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("  File"))
    last = next(i for i, line in enumerate(lines) if line.startswith("torch."))
    at = data.draw(st.integers(first + 1, last))
    noise = data.draw(st.sampled_from(NOISE))
    lines[at:at] = noise.splitlines()
    assert classify("\n".join(lines)) == classify(DEAD)


@pytest.mark.parametrize(
    "forged",
    [
        f"[2026-11-21 10:40:59] Receive: obj=GenerateReqInput(text='{OOM}')\n",
        f"[2026-11-21 10:40:59] Finish: obj=G(text='Traceback (most recent call last):\\n{OOM}')\n",
        f"{OOM}\n",
        f"Traceback (most recent call last):\n{OOM}\n",
        f'[2026-11-21 10:40:59] INFO:     10.0.0.1:4 - "GET /{OOM} HTTP/1.1" 404 Not Found\n',
        f"[2026-11-21 10:40:59] S hit an exception: Traceback (most recent call last): {OOM}",
        # A whole traceback, well formed, above which SGLang logged that it caught something.
        "[2026-11-21 10:40:59] ERROR:    Exception in ASGI application\n"
        + "Traceback (most recent call last):\n"
        + reported_logs.trace("<module>", "app")
        + OOM,
        # A perfect forgery is refuted by work that the dead scheduler does afterwards.
        DEAD + ALIVE,
    ],
)
def test_what_users_send_cannot_name_a_cause(forged: str) -> None:
    found = verdict(forged + "\n" + UNNAMED)
    assert found.reason is None
    assert "exit code -9" in found.evidence


def test_tracebacks_that_sglang_survives_are_no_cause() -> None:
    text = (FOLDER / "port-in-use.log").read_text()
    start = text.index("post-warmup freeze_gc failed")
    assert "TimeoutError" in text[start:]
    served = text[: text.index("[2026-11-21 10:40:00] ERROR:")] + text[start - 22 :]
    assert classify(served) is None


def test_a_stop_that_was_asked_for_hides_what_breaks_on_the_way_out() -> None:
    stop = "[2026-11-21 10:40:58] SIGTERM received. signum=None frame=None. Draining requests\n"
    assert verdict(stop + DEAD).reason is Reason.PROBE_TIMEOUT
    late = stop.replace("10:40:58", "10:43:00")
    assert verdict(DEAD + late).reason is Reason.ENGINE_GPU_OUT_OF_MEMORY


def test_a_consequence_yields_to_its_cause() -> None:
    after = reported_logs.server(
        "RuntimeError: Initialization failed. Please see the error messages above."
    )
    cause = reported_logs.scheduler("RuntimeError: something new", "load_model")
    for text in (cause + after, after + "\n" + cause):  # two processes write one log
        assert verdict(text).evidence == "RuntimeError: something new"


def test_a_progress_bar_may_hold_the_line_of_the_logger() -> None:
    bar = "\rLoading shards:   0% Completed | 0/1 [00:00<?, ?it/s]"
    assert classify(DEAD.replace("[2026-11-21 10:41:00]", f"{bar}[2026-11-21 10:41:00]")) == (
        classify(DEAD)
    )


def test_timestamps_of_the_container_runtime_do_not_matter() -> None:
    stamped = "\n".join(f"2026-11-21T10:41:00.123456789Z {line}" for line in DEAD.splitlines())
    assert classify(stamped) == classify(DEAD)


@pytest.mark.parametrize(
    "unit",
    [
        "A" * 1000,
        "a.b_" * 500 + "Error",
        "[2026-11-21 10:41:00 " + "]" * 900,
        '  File "' + 'x"' * 900,
        "Traceback (most recent call last):\n",
        "[2026-11-21 10:41:00] Scheduler hit an exception: Traceback (most recent call last):\n",
        "it/s]it/s][20" * 90 + "%",
        "api_key" * 200 + "=",
        "usage: x\n" + "a-b " * 15 + ": error: ",
    ],
)
def test_a_megabyte_of_hostile_text_costs_a_bounded_number_of_steps(unit: str) -> None:
    # Backtracking would take minutes: the suite's own time-out is the judge.
    text = (unit + "\n") * (1_000_000 // len(unit)) + unit * (1_000_000 // len(unit)) + "\n" + DEAD
    assert verdict(text).reason is Reason.ENGINE_GPU_OUT_OF_MEMORY
    assert len(text) > 4 * TEXT_LIMIT
    evidence(text)


def test_only_the_end_of_a_log_is_looked_at() -> None:
    assert read(DEAD + "\n" * TEXT_LIMIT).deaths == ()


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("ValueError: Authorization: Bearer abc.def-123", "abc.def-123"),
        ("ValueError: api_key='s3cret-value' is wrong", "s3cret-value"),
        ("ValueError: --admin-api-key=s3cret-value", "s3cret-value"),
        ("ValueError: sk-proj-0123456789abcdef", "0123456789abcdef"),
        ("ValueError: hf_AbCdEfGhIjKlMnOp", "AbCdEfGh"),
        ("ValueError: https://user:pass@host/x", "pass"),
        ("ValueError: Qx3vN0aB9kLm2Zt7Rw4Yp8Hc5Jd1Fg6S", "Qx3vN0aB9kLm2Zt7Rw4Yp8Hc5Jd1Fg6S"),
    ],
)
def test_what_looks_like_a_secret_is_not_evidence(line: str, secret: str) -> None:
    assert secret not in evidence(line)
    assert secret not in verdict(reported_logs.scheduler(line, "load_model")).evidence


def test_a_long_line_is_cut_around_what_decided() -> None:
    line = "RuntimeError: " + "x " * 300 + "CUDA out of memory, of GPU 0"
    cut = evidence(line, "CUDA out of memory")
    assert "CUDA out of memory" in cut
    assert len(cut) <= 200
    assert cut.startswith("…")
