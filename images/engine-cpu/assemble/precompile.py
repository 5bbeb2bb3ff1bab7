"""Import what the three engine processes import, and compile exactly that to bytecode.

Compiling all of PyTorch, Transformers and SGLang would add 150 MB; nothing compiled would cost each
start 20 CPU-seconds, because the container's root is read-only. That the imports succeed is also
the image's first test. The files are marked unchecked: the sources beside them do not change.

    precompile.py SITE_PACKAGES
"""

import importlib
import py_compile
import sys
from pathlib import Path
from typing import Final

MODULES: Final = (
    "reflex_dense_models.llama",
    "reflex_dense_models.qwen2",
    "reflex_dense_models.qwen3",
    "sglang.launch_server",
    "sglang.srt.entrypoints.http_server",
    "sglang.srt.managers.detokenizer_manager",
    "sglang.srt.managers.scheduler",
    "sglang.srt.managers.tokenizer_manager",
    "sglang.srt.model_executor.model_runner",
    "transformers.models.qwen3.modeling_qwen3",
    "prometheus_client.multiprocess",
    "xgrammar.kernels",
)


def main() -> None:
    """Compile the modules that are loaded after the imports, standard library included."""
    for module in MODULES:
        importlib.import_module(module)
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    # torch.ops and torch.classes name files that do not exist.
    sources = {Path(file) for file in files if file and file.endswith(".py") and file[0] == "/"}
    for source in sorted(sources):
        py_compile.compile(
            str(source), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
        )
    print(f"compiled {len(sources)} modules")


if __name__ == "__main__":
    main()
