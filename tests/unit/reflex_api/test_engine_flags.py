import pytest

from reflex_api.engine_flags import OWNED_FLAGS, flag_name, refused

FREE = [
    "--schedule-policy=lpm",
    "--moe-runner-backend=marlin",
    "--swa-full-tokens-ratio=0.2",
    "--cuda-graph-max-bs-decode=8",
    "--sampling-backend=pytorch",
    "--grammar-backend=xgrammar",
    "--constrained-json-disable-any-whitespace",
    "--max-total-tokens=4096",
    "--skip-server-warmup",
    "--tp-size=2",
    "--disable-overlap-schedule",
    "--model-checksum=a/b",
    "--prefill-attention-backend=triton",
    "--enable-memory-saver",
]
NEVER = ["--config", "--api-key", "--admin-api-key", "--host", "--port", "--download-dir"]


@pytest.mark.parametrize("flag", OWNED_FLAGS)
def test_an_owned_flag_is_refused_in_every_spelling(flag: str) -> None:
    for end in range(3, len(flag) + 1):
        assert refused(flag[:end]), flag[:end]
        assert refused(f"{flag[:end]}=x=y"), flag[:end]
    assert refused(f"{flag}-x")


@pytest.mark.parametrize("flag", OWNED_FLAGS)
def test_the_reason_names_the_flag_and_what_to_do(flag: str) -> None:
    reason = refused(f"{flag}=1")

    assert reason is not None
    assert flag in reason
    assert reason.endswith(OWNED_FLAGS[flag])


@pytest.mark.parametrize("flag", NEVER)
def test_what_would_open_or_redirect_the_server_is_owned(flag: str) -> None:
    assert flag in OWNED_FLAGS


@pytest.mark.parametrize("argument", FREE)
def test_tunables_stay_free(argument: str) -> None:
    assert refused(argument) is None


def test_the_alias_of_the_model_path_is_refused() -> None:
    assert refused("--model=/elsewhere")


def test_no_owned_flag_begins_another() -> None:
    """Else the reason would name the wrong one."""
    pairs = [(a, b) for a in OWNED_FLAGS for b in OWNED_FLAGS if a != b and b.startswith(a)]

    assert pairs == []


def test_a_value_may_hold_an_equals_sign() -> None:
    assert flag_name("--a=b=c") == "--a"
    assert flag_name("--a") == "--a"
