"""The engine image from here: its Python for training, its server for evaluation."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx2
from reflex_e2e.engine_image import EngineImage

from reflex_api.model import ReflexModel
from reflex_images.store import Store, cache_folder
from reflex_operator.engines import sglang
from reflex_tiny.errors import EngineError

ROOT: Final = Path(__file__).resolve().parents[2]
CONTEXT: Final = 1024
_READY_WITHIN: Final = 600.0
_POLL: Final = 0.5
_ENGINE: Final = {
    "SGLANG_USE_CPU_ENGINE": "1",
    "SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION": "false",
    "SGLANG_EXTERNAL_MODEL_PACKAGE": "reflex_dense_models",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "HOME": "/tmp",
}


class EngineRoom:
    """A container of the engine image; programs in it see this repository at `/project`."""

    def __init__(self, folders: Mapping[Path, str] | None = None) -> None:
        """`folders` are further folders of this machine and where they are inside, writable."""
        self._folders = dict(folders or {})
        self._buildah = Store(cache_folder(), finished=()).command
        self._container = ""

    def __enter__(self) -> Self:
        image = EngineImage.build()
        made = subprocess.run(
            [*self._buildah, "from", image.reference], capture_output=True, text=True, check=False
        )
        if made.returncode:
            raise EngineError(f"no container of {image.reference}: {made.stderr.strip()[-300:]}")
        self._container = made.stdout.strip()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        subprocess.run([*self._buildah, "rm", self._container], capture_output=True, check=False)

    def start(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program inside; its output goes to `log`, or to this terminal's stderr."""
        mounts = [f"--volume={ROOT}:/project:ro"]
        mounts += [f"--volume={here}:{there}" for here, there in self._folders.items()]
        variables = {"PYTHONPATH": "/project/training", **(environment or {})}
        given = [f"--env={name}={value}" for name, value in variables.items()]
        out = log.open("wb") if log else None
        try:
            return subprocess.Popen(
                [
                    *self._buildah, "run", "--isolation", "chroot", "--user", "0:0",
                    *mounts, *given,
                    self._container, "--", *command,
                ],
                stdin=subprocess.DEVNULL,
                stdout=out or 2,
                stderr=out or 2,
                start_new_session=True,
            )  # fmt: skip
        finally:
            if out:
                out.close()

    def run(self, command: Sequence[str]) -> None:
        """Run a program inside to its end.

        Raises:
            EngineError: it failed.
        """
        process = self.start(command)
        try:
            code = process.wait()
        except BaseException:
            stop(process)
            raise
        if code:
            raise EngineError(f"{' '.join(command)}: exit code {code}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it started."""
    for signal in (15, 9):
        try:
            os.killpg(process.pid, signal)
        except ProcessLookupError:
            break
        try:
            process.wait(timeout=20)
            break
        except subprocess.TimeoutExpired:
            continue


def engine_arguments(model_path: str, name: str, port: int) -> list[str]:
    """Return SGLang's arguments as the operator renders them for the demo's sample."""
    model = ReflexModel.parse(
        {
            "apiVersion": "reflexstack.dev/v1alpha1",
            "kind": "ReflexModel",
            "metadata": {"name": name, "namespace": "default", "uid": "x", "generation": 1},
            "spec": {
                "source": {"bundled": {"path": model_path}},
                "engine": {
                    "device": "cpu",
                    "contextLength": CONTEXT,
                    "maxRunningRequests": 4,
                    "chunkedPrefillSize": 512,
                },
                "resources": {"cpu": "1", "memory": "4Gi", "sharedMemory": "1Gi"},
            },
        }
    )
    words = [one for one in sglang.render(model) if not one.startswith(("--port=", "--host="))]
    return [*words, "--host=127.0.0.1", f"--port={port}"]


def wait_ready(
    process: subprocess.Popen[bytes], port: int, log: Path, say: Callable[[str], None]
) -> None:
    """Wait until the engine serves.

    Raises:
        EngineError: it ended, or the time is over; the text has the end of its log.
    """
    began = time.monotonic()
    told = began
    while time.monotonic() - began < _READY_WITHIN:
        if process.poll() is not None:
            break
        try:
            if httpx2.get(f"http://127.0.0.1:{port}/ready", timeout=5).status_code == 200:
                say(f"engine: ready after {time.monotonic() - began:.0f} s")
                return
        except httpx2.HTTPError:
            pass
        if time.monotonic() - told > 10:
            told = time.monotonic()
            say(f"engine: starting, {told - began:.0f} s")
        time.sleep(_POLL)  # the poll of a start that has the deadline above
    tail = log.read_text("utf-8", "replace")[-600:] if log.is_file() else ""
    raise EngineError(f"the engine does not serve; the end of its log:\n{tail}")


def serve_command(model_path: str, name: str, port: int) -> list[str]:
    """Return the command that serves a model inside the image."""
    return ["python3", "-m", "sglang.launch_server", *engine_arguments(model_path, name, port)]


def engine_environment() -> dict[str, str]:
    """Return the environment of the image's engine."""
    return dict(_ENGINE)
