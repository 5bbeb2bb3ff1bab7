"""The small rules under the policy: risk, gate, retries, prices."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflex_routing.errors import (
    AuthError,
    CallError,
    CallTimeoutError,
    ContextTooLongError,
    RateLimitedError,
    RequestRejectedError,
    UnavailableError,
)
from reflex_routing.gate import Evidence, GateMode, Thresholds, gate
from reflex_routing.prices import Price, cost, nano_usd, upper_bound, usd
from reflex_routing.retry import RetryConfig, read_retry_after, wait_before_retry
from reflex_routing.risk import RiskRule, assess, facts_of, has_unsafe, matches
from reflex_routing.wire import Usage

NOW = datetime(2026, 11, 21, tzinfo=UTC)
RULE = RiskRule(max_files=4, paths=("**/*auth*", "**/crypto/**"))


def files(count: int) -> list[str]:
    return [f"src/f{number}.rs" for number in range(count)]


@pytest.mark.parametrize(
    ("paths", "windows", "reasons"),
    [
        (files(4), ["fn f() {}"], ()),
        (files(5), [], ("5 files, more than 4",)),
        (files(4) + files(4), [], ()),
        (["src/auth.rs"], [], ("src/auth.rs matches **/*auth*",)),
        (["crates/x/Crypto/aes.rs"], [], ("crates/x/Crypto/aes.rs matches **/crypto/**",)),
        (["crypto.rs"], [], ()),
        (["a.rs"], ["let x = unsafe { *p };"], ("unsafe code in the window",)),
        (["a.rs"], ["unsafe fn f()"], ("unsafe code in the window",)),
        (["a.rs"], ["#![forbid(unsafe_code)]\n    // unsafe is not used"], ()),
    ],
)
def test_risk(paths: list[str], windows: list[str], reasons: tuple[str, ...]) -> None:
    risk = assess(facts_of(paths, windows), RULE)
    assert risk.reasons == reasons
    assert risk.high is bool(reasons)


def test_unsafe_can_be_left_out_of_the_rule() -> None:
    assert not assess(facts_of(["a.rs"], ["unsafe {}"]), replace(RULE, unsafe_code=False)).high


@pytest.mark.parametrize(
    "code",
    [
        'end of a string"; unsafe { f() } let s = "x";',
        "/* a comment ends\n// here */ unsafe { f() }",
        "x /* c */ unsafe impl Send for T {}",
        "unsafe{}",
    ],
)
def test_code_is_never_taken_for_a_comment(code: str) -> None:
    assert has_unsafe(code)


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("src/*.rs", "src/a.rs", True),
        ("src/*.rs", "src/b/a.rs", False),
        ("**/a.rs", "a.rs", True),
        ("**/a.rs", "x/y/a.rs", True),
        ("src/**", "src/x/y.rs", True),
        ("?.rs", "a.rs", True),
        ("?.rs", "ab.rs", False),
        ("a+b/*.rs", "a+b/c.rs", True),
        ("src/*.rs", "./src/a.rs", True),
        ("src/**", "src\\x\\y.rs", True),
    ],
)
def test_globs(glob: str, path: str, expected: bool) -> None:
    assert matches(path, glob) is expected


PASSED = Evidence(
    id="e1", model="m", revision="r", verdict="Pass", expires_at=NOW + timedelta(days=1),
    metrics={"p95_latency_ms": 2000.0, "success_percent": 85.0},
)  # fmt: skip


def ask(evidence: Evidence | None, thresholds: Thresholds | None = None, **more: str) -> str:
    mode = GateMode(more.get("mode", "enforce"))
    result = gate(
        evidence, model="m", revision="r", mode=mode, thresholds=thresholds or Thresholds(), now=NOW
    )
    assert result.passed is (result.reason in ("qualified", "gate_disabled"))
    return result.reason


def test_only_valid_evidence_for_this_revision_passes() -> None:
    assert ask(PASSED) == "qualified"
    assert ask(None) == "no_evidence"
    assert ask(replace(PASSED, revision="r0")) == "other_revision"
    assert ask(replace(PASSED, model="m0")) == "other_revision"
    assert ask(replace(PASSED, expires_at=NOW)) == "expired"
    for verdict in ("Fail", "Inconclusive", "Error", "pass", ""):
        assert ask(replace(PASSED, verdict=verdict)) == "not_passed"


def test_thresholds_hold_with_equality_and_fail_without_a_number() -> None:
    assert ask(PASSED, Thresholds(p95_latency_ms=2000, success_percent=85)) == "qualified"
    assert ask(PASSED, Thresholds(p95_latency_ms=1999)) == "below_threshold"
    assert ask(PASSED, Thresholds(success_percent=85.1)) == "below_threshold"
    assert ask(PASSED, Thresholds(json_schema_percent=1)) == "no_measurement"


def test_a_disabled_gate_says_so() -> None:
    assert ask(None, mode="disabled") == "gate_disabled"


CONFIG = RetryConfig()
DOWN = UnavailableError("down")


def wait(
    error: CallError, *, made: int = 1, random: float = 0.5, left: float = 1000
) -> float | None:
    return wait_before_retry(
        error, made=made, config=CONFIG, random=lambda: random, left_seconds=left
    )


def test_waits_double_and_end() -> None:
    assert [wait(DOWN, made=made) for made in (1, 2, 3)] == [0.1, 0.2, None]
    many = replace(CONFIG, attempts=100)
    longest = wait_before_retry(DOWN, made=50, config=many, random=lambda: 0.999, left_seconds=1000)
    assert longest == 10.0


@given(random=st.floats(0, 1, exclude_max=True), made=st.integers(1, 9))
def test_jitter_stays_within_its_share(random: float, made: int) -> None:
    many = replace(CONFIG, attempts=10)
    waited = wait_before_retry(
        DOWN, made=made, config=many, random=lambda: random, left_seconds=1000
    )
    nominal = min(0.1 * 2 ** (made - 1), 10.0)
    assert waited is not None
    assert 0.5 * nominal <= waited <= min(1.5 * nominal, 10.0)


def test_the_server_s_wish_is_a_lower_bound() -> None:
    error = RateLimitedError("later", retry_after=7.0)
    for random in (0.0, 0.99):
        waited = wait(error, random=random)
        assert waited is not None
        assert 7.0 <= waited <= 7.2


def test_a_429_without_a_wish_waits_five_seconds() -> None:
    waited = wait(RateLimitedError("later"), random=0.0)
    assert waited == 5.0


def test_too_long_a_wish_is_not_waited_for() -> None:
    assert wait(RateLimitedError("later", retry_after=31.0)) is None


def test_no_wait_passes_the_deadline() -> None:
    assert wait(DOWN, left=0.05) is None


@pytest.mark.parametrize(
    "error",
    [
        AuthError("x"), ContextTooLongError("x"), RequestRejectedError("x"),
        CallTimeoutError("total", seconds=1),
    ],
)  # fmt: skip
def test_permanent_errors_are_not_repeated(error: CallError) -> None:
    assert wait(error) is None


def test_retry_after_in_every_form() -> None:
    date = format_datetime(NOW + timedelta(seconds=9), usegmt=True)
    assert read_retry_after({"retry-after": date}, now=NOW) == 9.0
    assert read_retry_after({"retry-after-ms": "250"}, now=NOW) == 0.25
    for nonsense in ("", "soon", "-1", "inf", "nan"):
        assert read_retry_after({"retry-after": nonsense}, now=NOW) is None
    past = format_datetime(NOW - timedelta(seconds=9), usegmt=True)
    assert read_retry_after({"retry-after": past}, now=NOW) == 0.0


PRICE = Price(input_usd=Decimal("1.25"), cached_input_usd=Decimal("0.125"), output_usd=Decimal(10))


def test_the_cost_of_a_call() -> None:
    usage = Usage(prompt_tokens=1000, cached_tokens=800, completion_tokens=100, reported=True)
    assert usd(cost(PRICE, usage)) == "0.00135"  # 200 x 1.25 + 800 x 0.125 + 100 x 10, per million
    assert nano_usd(Decimal("0.0000000001")) == 1, "rounded up"


@given(text=st.text(max_size=200), answer=st.integers(0, 500), limit=st.integers(500, 600))
def test_the_upper_bound_holds_for_any_text(text: str, answer: int, limit: int) -> None:
    body = {"messages": [{"role": "user", "content": text}]}
    worst = Usage(prompt_tokens=len(text.encode()) + 16, completion_tokens=answer, reported=True)
    assert cost(PRICE, worst) <= upper_bound(PRICE, body, max_tokens=limit)


def test_the_upper_bound_counts_every_choice() -> None:
    one = upper_bound(PRICE, {"messages": []}, max_tokens=1000)
    three = upper_bound(PRICE, {"messages": [], "n": 3}, max_tokens=1000)
    assert three - one >= 2 * 1000 * 10_000
