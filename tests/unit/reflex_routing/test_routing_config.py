"""The configuration: the shipped file, the environment over it, every fault with its fix."""

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from reflex_routing.config import ReflexSection
from reflex_routing.config_file import Loaded, load
from reflex_routing.errors import ConfigError
from reflex_routing.gate import GateMode

ROOT = Path(__file__).parents[3]
MINIMAL = """\
version: 1
reflex:
  model_primary: gpt-oss-20b
  endpoints:
    local: {base_url: "http://127.0.0.1:30000/v1"}
"""
CLOUD = (
    MINIMAL
    + """\
    cloud: {base_url: "https://cloud.example/v1", dialect: openai, api_key_env: CLOUD_KEY}
  cloud: {enabled: true, implementer: [gpt-5.1-codex]}
"""
)
PRICES = 'version: "1"\nmodels:\n  gpt-5.1-codex: {input_usd: "1", output_usd: "10"}\n'


def read(
    folder: Path, text: str, environ: dict[str, str] | None = None, prices: str | None = None
) -> Loaded:
    path = folder / "reflex.yaml"
    path.write_text(text)
    if prices is not None:
        (folder / "prices.yaml").write_text(prices)
    return load(path, environ=environ or {})


def problems(folder: Path, text: str, environ: dict[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        read(folder, text, environ)
    return caught.value.problems


def test_the_shipped_file_loads_and_shows_the_defaults() -> None:
    loaded = load(ROOT / "configs/reflex.yaml", environ={})
    section = loaded.reflex
    assert section.local_models == ("gpt-oss-20b", "qwen3-coder-30b-a3b", "qwen2.5-coder-32b")
    assert section.gate.mode is GateMode.ENFORCE
    assert section.max_attempts == 2
    shown = yaml.safe_load((ROOT / "configs/reflex.yaml").read_text())["reflex"]
    defaults = ReflexSection.model_validate(
        {name: shown[name] for name in ("model_primary", "model_fallbacks", "endpoints")}
    )
    chosen: dict[str, Any] = {
        "models": True, "risk": {"paths"}, "budgets": {"daily_usd", "monthly_usd", "prices"},
    }  # fmt: skip
    assert section.model_dump(exclude=chosen) == defaults.model_dump(exclude=chosen)


def test_the_shipped_file_shows_every_key() -> None:
    shown = yaml.safe_load((ROOT / "configs/reflex.yaml").read_text())["reflex"]
    assert set(shown) == set(ReflexSection.model_fields)
    for name in ("cloud", "risk", "budgets", "breaker", "retry", "timeouts", "capture", "gate"):
        section = getattr(load(ROOT / "configs/reflex.yaml", environ={}).reflex, name)
        assert set(shown[name]) == set(type(section).model_fields), name


def test_the_shipped_price_table_is_read_for_a_cloud(tmp_path: Path) -> None:
    loaded = read(tmp_path, CLOUD, {"CLOUD_KEY": "k"}, (ROOT / "configs/prices.yaml").read_text())
    assert loaded.prices.version == "2026-11-21"
    assert loaded.prices.price("gpt-5.1-codex").output_usd == 10


def test_the_environment_wins_key_by_key(tmp_path: Path) -> None:
    loaded = read(
        tmp_path, MINIMAL,
        {
            "REFLEX__MODEL_PRIMARY": "qwen3-coder-30b-a3b",
            "REFLEX__BUDGETS__DAILY_USD": "2.50",
            "REFLEX__MODEL_FALLBACKS": '["a", "b"]',
            "reflex__risk__max_files": "9",
            "REFLEX_NAMESPACE": "the operator's, not ours",
        },
    )  # fmt: skip
    section = loaded.reflex
    assert section.local_models == ("qwen3-coder-30b-a3b", "a", "b")
    assert section.limits().daily == 2_500_000_000
    assert section.risk.max_files == 9
    assert section.endpoints["local"].base_url == "http://127.0.0.1:30000/v1"


def test_all_faults_come_at_once_each_with_path_and_fix(tmp_path: Path) -> None:
    text = dedent("""\
        version: 1
        reflux: {}
        reflex:
          modle_primary: gpt-oss-20b
          max_attempts: 0
          endpoints:
            local: {base_url: "127.0.0.1:30000", api_key: sk-verysecret}
          breaker: {minimum_calls: 200, cooldown_seconds: 5}
          capture: {mode: everything}
        """)
    found = problems(tmp_path, text, {"REFLEX__BUDGETS__DAYLY_USD": "1"})
    text = "\n".join(found)
    assert "reflux: no such key; did you mean reflex?" in found
    assert "reflex.modle_primary: no such key; did you mean model_primary?" in found
    assert "reflex.model_primary: is missing; add it" in found
    assert any(line.startswith("reflex.max_attempts: ") for line in found)
    assert "reflex.endpoints.local.api_key: keys do not belong here" in text
    assert any(line.startswith("reflex.endpoints.local.base_url: ") for line in found)
    assert "reflex.breaker.cooldown_seconds: no such key; did you mean cool_down_seconds?" in found
    assert any(line.startswith("reflex.capture.mode: ") for line in found)
    assert (
        "reflex.budgets.dayly_usd (from REFLEX__BUDGETS__DAYLY_USD): no such key;"
        " did you mean daily_usd?"
    ) in found
    assert "sk-verysecret" not in text


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("  endpoint: lokal\n", "reflex.endpoint: no endpoint 'lokal'; did you mean local?"),
        ("  model_endpoints: {gpt-oss: local}\n",
         "reflex.model_endpoints.gpt-oss: no such local model; did you mean gpt-oss-20b?"),
        ("  model_fallbacks: [a, a]\n", "reflex.model_fallbacks: a is listed twice; keep one"),
        ("  cloud: {enabled: true, endpoint: local}\n",
         "reflex.cloud.implementer: is empty; name a model, or set cloud.enabled: false"),
        ("  timeouts: {connect: 100}\n",
         "reflex.timeouts: wanted: connect <= first_token <= total <= request"),
        ("  breaker: {minimum_calls: 200}\n",
         "reflex.breaker: minimum_calls is larger than window_calls: it would never open"),
        ("  endpoint: local\n  endpoint: other\n",
         "is no YAML: endpoint is written twice (line 7); keep one"),
        ("  gate: {mode: off}\n", "reflex.gate.mode: "),
        ("  capture: {redact: {patterns: ['(']}}\n", "reflex.capture.redact: patterns: '('"),
    ],
)  # fmt: skip
def test_one_fault(tmp_path: Path, extra: str, expected: str) -> None:
    found = problems(tmp_path, MINIMAL + extra)
    assert any(line.startswith(expected) for line in found), found


def test_a_cloud_needs_its_key_and_its_prices(tmp_path: Path) -> None:
    found = problems(tmp_path, CLOUD)
    assert any("CLOUD_KEY is not set" in line for line in found)
    assert any("prices.yaml cannot be read" in line for line in found)
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, CLOUD.replace("codex]", "codex, new-model]"), {"CLOUD_KEY": "k"}, PRICES)
    assert "new-model has no price" in str(caught.value)
    assert read(tmp_path, CLOUD, {"CLOUD_KEY": "k"}, PRICES).prices.version == "1"


@pytest.mark.parametrize("text", ["", "- a\n", "reflex: [\n", "\tx: 1\n"])
def test_no_file_is_silently_a_default(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "absent.yaml", environ={})


def test_sections_of_others_are_left_to_them(tmp_path: Path) -> None:
    path = tmp_path / "reflex.yaml"
    path.write_text(MINIMAL + "loop: {attempts: 5}\n")
    assert load(path, environ={}, siblings=("loop",)).reflex.model_primary == "gpt-oss-20b"
    with pytest.raises(ConfigError, match="loop: no such key"):
        load(path, environ={})


def test_the_whole_section_cannot_be_one_variable(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, MINIMAL, {"REFLEX": "{}"})
    assert "REFLEX__MODEL_PRIMARY" in line
