import subprocess
import sys
from pathlib import Path

import pytest

from reflex_operator import settings as module
from reflex_operator.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def _outside_a_pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "NAMESPACE_FILE", tmp_path / "namespace")


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> module.OperatorSettings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def test_defaults_need_only_a_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, REFLEX_NAMESPACE="reflex-system")
    assert (settings.http_port, settings.lease_duration, settings.workers) == (8080, 15, 16)
    assert settings.identity


def test_the_namespace_comes_from_the_service_account(monkeypatch: pytest.MonkeyPatch) -> None:
    module.NAMESPACE_FILE.write_text("from-file\n")
    assert load(monkeypatch).namespace == "from-file"


def test_all_errors_are_listed_at_once_without_values(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as caught:
        load(
            monkeypatch,
            REFLEX_HTTP_PORT="s3cret",
            REFLEX_LOG_LEVEL="s3cret",
            REFLEX_LEASE_DURATON="s3cret",
            REFLEX_ENGINE_RESOLVER="s3cret",
        )
    text = str(caught.value)
    for name in ("HTTP_PORT", "LOG_LEVEL", "LEASE_DURATON", "ENGINE_RESOLVER", "NAMESPACE"):
        assert f"REFLEX_{name}: " in text
    assert "did you mean REFLEX_LEASE_DURATION?" in text
    assert "s3cret" not in text
    assert len(caught.value.problems) == 5


def test_lease_times_must_leave_room(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="REFLEX_LEASE_DURATION: must be longer"):
        load(monkeypatch, REFLEX_NAMESPACE="a", REFLEX_LEASE_DURATION="10")


def test_service_links_of_the_kubelet_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        REFLEX_NAMESPACE="a",
        REFLEX_OPERATOR_SERVICE_HOST="10.0.0.1",
        REFLEX_OPERATOR_SERVICE_PORT_METRICS="8080",
        REFLEX_OPERATOR_PORT="tcp://10.0.0.1:8080",
        REFLEX_OPERATOR_PORT_8080_TCP_ADDR="10.0.0.1",
    )
    assert settings.namespace == "a"


def test_the_process_ends_with_code_2() -> None:
    source = str(Path(module.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "reflex_operator"],
        env={"PYTHONPATH": source, "REFLEX_HTTP_PORT": "-1", "REFLEX_X": "", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: the operator's environment is wrong\n")
    assert "REFLEX_HTTP_PORT" in done.stderr
    assert "REFLEX_X: no such setting" in done.stderr
