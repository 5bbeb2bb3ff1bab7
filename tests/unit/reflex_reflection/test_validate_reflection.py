"""The configuration: the specification's keys, defaults, bounds and messages."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from reflex_reflection.config import Backend, FixtureSettings, ReflectionConfig
from reflex_reflection.config_file import read_config
from reflex_reflection.errors import ConfigError
from reflex_reflection.validation import validate, validate_config

ROOT = Path(__file__).parents[3]
LLM: dict[str, Any] = {
    "t3": {
        "allow_reflection": True,
        "reflection": {"backend": "llm"},
        "llm": {"fixtures": {"enabled": True, "path": "tests/fixtures/llm/reflection.json"}},
    },
    "scheduler": {"budgets": {"time_ms_reflection": 6000, "ops_reflection": 5}},
}


def problems(document: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        validate(document)
    return caught.value.problems


def reflection(**values: object) -> dict[str, Any]:
    return {"t3": {"reflection": values}}


def budgets(**values: object) -> dict[str, Any]:
    return {"scheduler": {"budgets": values}}


def test_defaults_injected_when_absent() -> None:
    cases: list[dict[str, Any]] = [
        {},
        {"t3": {}, "scheduler": {"budgets": {}}},
        {"t3": None, "scheduler": None},
    ]
    for empty in cases:
        validated = validate(empty)
        assert validated.config == ReflectionConfig()
        assert validated.document == {
            "t3": {
                "allow_reflection": False,
                "reflection": {
                    "backend": "rulebased",
                    "summary_tokens": 128,
                    "embed": True,
                    "log": True,
                    "topk_snippets": 3,
                },
                "llm": {"fixtures": {"enabled": False, "path": None}},
            },
            "scheduler": {"budgets": {"time_ms_reflection": 6000, "ops_reflection": 5}},
        }
        assert validate_config(validated.document) == validated.document


def test_types_enforced_and_nonneg_ints() -> None:
    values = {"summary_tokens": 0, "embed": False, "log": True, "topk_snippets": 10}
    given = {
        "t3": {"allow_reflection": True, "reflection": {"backend": "rulebased", **values}},
        "scheduler": {"budgets": {"ops_reflection": 0}},
    }
    before = repr(given)
    document = validate_config(given)
    assert document["t3"]["reflection"] == {"backend": "rulebased", **values}
    assert document["scheduler"]["budgets"]["ops_reflection"] == 0
    assert repr(given) == before


def test_ops_reflection_negative_raises() -> None:
    assert problems(budgets(ops_reflection=-1)) == (
        "scheduler.budgets.ops_reflection must be >= 0 (or null)",
    )


@pytest.mark.parametrize(
    ("given", "number", "warned"), [("5", 5, False), (3.14, 3, True), (4.0, 4, False)]
)
def test_ops_reflection_numericish_values_are_coerced_to_int(
    given: object, number: int, warned: bool
) -> None:
    validated = validate(budgets(ops_reflection=given))
    assert validated.document["scheduler"]["budgets"]["ops_reflection"] == number
    assert bool(validated.warnings) is warned


@pytest.mark.parametrize("given", ["many", True, [], {}, float("nan"), float("inf"), "9" * 5000])
def test_what_is_no_number_is_refused_and_not_read_as_zero(given: object) -> None:
    (problem,) = problems(reflection(summary_tokens=given))
    assert problem.startswith("t3.reflection.summary_tokens must be an integer, not ")
    assert len(problem) < 120


@pytest.mark.parametrize(
    ("given", "meant"), [("yes", True), ("OFF", False), (1, True), ("0", False)]
)
def test_booleans_may_be_words(given: object, meant: bool) -> None:
    assert validate(reflection(embed=given)).config.embed is meant


@pytest.mark.parametrize("given", ["perhaps", 2, 1.0, None, []])
def test_what_is_no_boolean_is_refused_and_not_read_as_false(given: object) -> None:
    (problem,) = problems({"t3": {"allow_reflection": given}})
    assert problem.startswith("t3.allow_reflection must be a boolean")


def test_unknown_key_rejected_in_reflection() -> None:
    assert problems(reflection(surprise=42)) == ("t3.reflection.surprise unknown key",)


def test_a_typo_is_told_what_was_meant() -> None:
    assert problems(reflection(sumary_tokns=1, tokp_snippets=2)) == (
        "t3.reflection.sumary_tokns unknown key (did you mean 'summary_tokens')",
        "t3.reflection.tokp_snippets unknown key (did you mean 'topk_snippets')",
    )


def test_other_stages_keys_pass_and_near_misses_of_ours_do_not() -> None:
    document = {
        "t1": {"decay": 1},
        "t3": {"max_rag_loops": 1, "llm": {"provider": "fixture"}},
        "scheduler": {"policy": "round_robin", "budgets": {"t1_iters": 50}},
    }
    assert validate_config(document)["scheduler"]["budgets"]["t1_iters"] == 50
    document["t3"] = {"allow_reflecton": True}
    document["scheduler"] = {"budgets": {"ops_reflections": 1}}
    assert problems(document) == (
        "t3.allow_reflecton unknown key (did you mean 'allow_reflection')",
        "scheduler.budgets.ops_reflections unknown key (did you mean 'ops_reflection')",
    )


def test_backend_choice_restricted() -> None:
    for backend in ("nope", "", None, 3):
        assert problems(reflection(backend=backend)) == (
            "t3.reflection.backend must be one of {rulebased,llm}",
        )
    assert validate(reflection(backend="RuleBased")).config.backend is Backend.RULEBASED


def test_bounds_of_every_number() -> None:
    document = reflection(summary_tokens=-1, topk_snippets=-1)
    document |= budgets(time_ms_reflection=0, ops_reflection=-2)
    assert problems(document) == (
        "t3.reflection.summary_tokens must be >= 0",
        "t3.reflection.topk_snippets must be >= 0",
        "scheduler.budgets.time_ms_reflection must be >= 1 (or null)",
        "scheduler.budgets.ops_reflection must be >= 0 (or null)",
    )


def test_a_budget_of_null_is_no_limit() -> None:
    config = validate(budgets(time_ms_reflection=None, ops_reflection=None)).config
    assert config.time_ms_reflection is None
    assert config.ops_reflection is None


def test_the_llm_backend_needs_fixtures() -> None:
    document = {"t3": {"allow_reflection": True, "reflection": {"backend": "llm"}}}
    assert problems(document) == (
        "t3.llm.fixtures.enabled must be true when t3.reflection.backend=llm"
        " and allow_reflection=true",
    )
    document["t3"]["allow_reflection"] = False
    assert validate(document).config.backend is Backend.LLM


@pytest.mark.parametrize("path", ["", "  ", 7])
def test_an_empty_path_of_fixtures_is_refused_once_whether_on_or_off(path: object) -> None:
    for enabled, end in ((True, " when fixtures.enabled=true"), (False, "")):
        document = {"t3": {"llm": {"fixtures": {"enabled": enabled, "path": path}}}}
        assert problems(document) == (f"t3.llm.fixtures.path must be a non-empty string{end}",)


def test_fixtures_that_are_on_need_a_path() -> None:
    assert problems({"t3": {"llm": {"fixtures": {"enabled": True}}}}) == (
        "t3.llm.fixtures.path must be a non-empty string when fixtures.enabled=true",
    )


@pytest.mark.parametrize("section", ["t3", "scheduler"])
def test_a_section_that_is_a_list_is_refused(section: str) -> None:
    assert problems({section: [1]}) == (f"{section} must be a mapping",)


def test_the_specifications_examples_are_right(tmp_path: Path) -> None:
    shipped = read_config(ROOT / "configs/reflection.yaml")
    assert shipped.config == ReflectionConfig()
    file = tmp_path / "llm.yaml"
    file.write_text(yaml.safe_dump(LLM))
    config = read_config(file).config
    assert config.fixtures == FixtureSettings(
        enabled=True, path="tests/fixtures/llm/reflection.json"
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"t3: [", "is no YAML in line"),
        (b"- 1\n", "must be a mapping"),
        (b"t3: \xff", "is not UTF-8"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_wrong_is_named(tmp_path: Path, data: bytes | None, words: str) -> None:
    file = tmp_path / "c.yaml"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(ConfigError, match=words):
        read_config(file)


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").touch()
    assert read_config(tmp_path / "c.yaml").config == ReflectionConfig()
