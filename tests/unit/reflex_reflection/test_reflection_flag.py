"""The planner's flag, in the forms that language models write it."""

import json

import pytest

from reflex_reflection.errors import PlanError
from reflex_reflection.planner import coerce_flag, read_reply, sanitised_flag


def reply(**more: object) -> str:
    return json.dumps({"plan": ["look"], "rationale": "because", **more})


def test_reflection_defaults_false() -> None:
    assert read_reply(reply()).reflection is False
    assert sanitised_flag({"ops": []}, []) is False


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        *((word, True) for word in (True, 1, "true", "T", " yes ", "y", "1")),
        *((word, False) for word in (False, 0, "false", "F", "No", "n", "0")),
    ],
)
def test_reflection_coercion_from_string_and_int(value: object, meant: bool) -> None:
    assert coerce_flag(value) is meant
    assert read_reply(reply(reflection=value)).reflection is meant


@pytest.mark.parametrize("value", ["maybe?", "", 2, -1, 1.0, None, [], {}, "on"])
def test_reflection_rejects_garbage(value: object) -> None:
    with pytest.raises(PlanError, match="reflection must be boolean"):
        read_reply(reply(reflection=value))
    problems: list[str] = []
    assert sanitised_flag({"reflection": value}, problems) is False
    assert problems == ["plan.reflection must be boolean (or 'true'/'false','1'/'0')"]


@pytest.mark.parametrize(
    "fence", ["```json\n{}\n```", "```\n{}\n```", "```JSONC\r\n{}\r\n```", "{}"]
)
def test_one_fence_is_taken_off(fence: str) -> None:
    assert read_reply(fence.replace("{}", reply(reflection=True))).reflection is True


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "non-JSON"),
        ("Sure! {}", "non-JSON"),
        ("[]", "top-level must be object"),
        ("```yaml\na: 1\n```", "unsupported code fence language: yaml"),
        ("[" * 15_000, "non-JSON"),
        ("x" * 20_001, "raw output too large"),
        ('{"plan": []}', "missing key: rationale"),
        (reply(reflexion=True), "unknown key: reflexion"),
        (reply(plan="look"), "plan must be array"),
        (reply(plan=["x"] * 17), "plan too long"),
        (reply(plan=[" "]), "plan items must be"),
        (reply(plan=["x" * 201]), "plan items must be"),
        (reply(rationale=""), "rationale must be"),
        (reply(rationale="x" * 2001), "rationale must be"),
    ],
)
def test_anything_else_is_refused(text: str, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        read_reply(text)
