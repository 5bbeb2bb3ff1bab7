"""The built-in catalogue is complete, and a user's file adds to it or is refused in clear words."""

from pathlib import Path

import pytest
import yaml

from reflex_api.catalogue import Catalogue
from reflex_api.engine import Device
from reflex_operator.catalogue import load_catalogue
from reflex_operator.errors import CatalogueError

OWN = {
    "repo": "example/own",
    "architecture": {"name": "Qwen2ForCausalLM", "layers": 2, "kvHeads": 1, "headDim": 64},
    "weightsBytes": 1000,
    "sources": ["config.json"],
}


def written(path: Path, *entries: object) -> str:
    path.write_text(yaml.safe_dump({"models": list(entries)}))
    return str(path)


def test_the_three_models_have_arguments_targets_and_sources() -> None:
    catalogue = load_catalogue()
    for repo in (
        "openai/gpt-oss-20b",
        "QuantTrio/Qwen3-Coder-30B-A3B-Instruct-AWQ",
        "Qwen/Qwen2.5-Coder-32B-Instruct-AWQ",
    ):
        entry = catalogue.find(repo)
        assert entry is not None
        assert entry.engine is not None
        assert entry.engine.device is Device.CUDA
        assert entry.engine.effective_kv_cache_dtype == "fp8_e4m3"
        assert entry.engine.context_length <= entry.architecture.max_context
        assert entry.targets is not None
        assert entry.sources


def test_an_own_entry_is_added_and_takes_a_known_ones_place(tmp_path: Path) -> None:
    builtin = load_catalogue()
    again = {**OWN, "repo": "OpenAI/GPT-OSS-20b", "weightsBytes": 7}
    both = load_catalogue(written(tmp_path / "own.yaml", OWN, again))
    assert len(both.models) == len(builtin.models) + 1
    found = both.find("openai/gpt-oss-20b")
    assert found is not None
    assert found.weights_bytes == 7


def test_an_empty_file_adds_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("# nothing yet\n")
    assert load_catalogue(str(tmp_path / "empty.yaml")) == load_catalogue()


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({**OWN, "weightsBytes": 0}, "models.example/own.weightsBytes: "),
        ({**OWN, "sources": []}, "models.example/own.sources: "),
        ({**OWN, "size": 1}, "models.example/own.size: "),
        ({**OWN, "architecture": {"name": "X"}}, "models.example/own.architecture.layers: "),
        ({**OWN, "engine": {"contextLength": 1}}, "models.example/own.engine.contextLength: "),
        ({**OWN, "repo": "own"}, "models.own.repo: must be OWNER/NAME"),
        ("own", "models.0: "),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, entry: object, words: str) -> None:
    path = written(tmp_path / "own.yaml", entry)
    with pytest.raises(CatalogueError) as refused:
        load_catalogue(path)
    assert str(refused.value).startswith(f"{path}: the catalogue is wrong\n")
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"), [("models: [", "is not YAML: "), ("[]", "the file: "), ("7", "the file: ")]
)
def test_another_kind_of_file_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(CatalogueError) as refused:
        load_catalogue(str(tmp_path / "own.yaml"))
    assert words in str(refused.value)


def test_a_missing_file_is_an_error_and_not_an_empty_catalogue(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="cannot be read: No such file"):
        load_catalogue(str(tmp_path / "none.yaml"))


def test_a_repository_stands_once() -> None:
    with pytest.raises(ValueError, match="example/own is in the catalogue twice"):
        Catalogue.model_validate({"models": [OWN, OWN]})
