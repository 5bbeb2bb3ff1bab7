"""What records keep, and that no secret is in it."""

import json

import pytest

from reflex_routing.capture import Capture, CaptureMode, RedactionRule, Redactor

KEY = "a-key-that-is-in-use-0123"
RULE = RedactionRule(patterns=(r"ticket-\d+",))
REDACTOR = Redactor(RULE, secrets=(KEY, "short"))

SECRETS = [
    ("sk-proj-abcdefghijklmnop1234", "[key]"),
    ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[key]"),
    ("hf_abcdefghijklmnopqrstuvwxyz", "[key]"),
    ("AKIAABCDEFGHIJKLMNOP", "[key]"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "[token]"),
    ("Bearer abcdefghijklmnop", "[token]"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----", "[private-key]"),
    ("ana.b+c@mail.example.org", "[email]"),
    ("ticket-4711", "[removed]"),
    (KEY, "[key]"),
]


@pytest.mark.parametrize(("secret", "mark"), SECRETS)
@pytest.mark.parametrize("around", ["{}", "see: {} and", '"{}"', "line\n{}\nline", "a\\n{}\\nb"])
def test_secrets_are_removed_wherever_they_stand(secret: str, mark: str, around: str) -> None:
    clean, count = REDACTOR.redact(around.replace("{}", secret))
    assert mark in clean
    assert secret not in clean
    assert count == 1


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("DB_PASSWORD=hunter2 x", "DB_PASSWORD=[value] x"),
        ("export API_KEY='a b'", "export API_KEY=[value]"),
        ('{"MY_TOKEN": "abc", "a": 1}', '{"MY_TOKEN": [value], "a": 1}'),
        ("APP_SECRET: abc", "APP_SECRET: [value]"),
        ("https://ana:pw@host/x", "https://[password]@host/x"),
        ("/home/ana/src/main.rs:3", "[path]/src/main.rs:3"),
        ("at /root/x", "at [path]/x"),
        ("/rooted/x", "/rooted/x"),
        ("let keys = token_count(monkey);", "let keys = token_count(monkey);"),
        ("error[E0308]: mismatched types", "error[E0308]: mismatched types"),
    ],
)
def test_assignments_folders_and_ordinary_code(text: str, clean: str) -> None:
    assert REDACTOR.redact(text)[0] == clean


MESSAGES = [{"role": "user", "content": f"key:\n{KEY}"}]


def capture(mode: CaptureMode, max_bytes: int = 1000) -> Capture:
    return Capture(mode=mode, redactor=REDACTOR, max_bytes=max_bytes)


def test_each_mode_keeps_what_it_says() -> None:
    kept = {mode: capture(mode).take(MESSAGES, "an answer") for mode in CaptureMode}
    assert {(one.prompt is not None, one.response is not None) for one in kept.values()} == {
        (False, False), (True, False), (True, True),
    }  # fmt: skip
    assert kept[CaptureMode.NONE].prompt is None
    assert kept[CaptureMode.FULL_IO].response == "an answer"
    hashes = {(one.prompt_hash, one.response_hash) for one in kept.values()}
    assert len(hashes) == 1, "the hashes do not depend on the mode"
    assert all(KEY not in json.dumps(one.document()) for one in kept.values())
    assert kept[CaptureMode.PROMPTS_ONLY].redactions == 1


def test_a_secret_at_the_cut_is_removed_before_cutting() -> None:
    text = "x" * 50 + KEY
    kept = capture(CaptureMode.FULL_IO, max_bytes=55).take([], text).response
    assert kept is not None
    assert KEY[:5] not in kept
    assert len(kept) <= 56


def test_no_answer_has_no_hash() -> None:
    assert capture(CaptureMode.FULL_IO).take(MESSAGES, None).response_hash == ""
