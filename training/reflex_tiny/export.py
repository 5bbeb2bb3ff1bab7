"""Writes a checkpoint as transformers and SGLang read it; runs inside the engine's environment.

    python -m reflex_tiny.export RECIPE RUN STEP FOLDER

STEP 0 is the start of the recipe.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

from reflex_tiny.recipe import RECIPES
from reflex_tiny.tokens import write
from reflex_tiny.training import start_of


def main(arguments: Sequence[str]) -> int:
    """Export one checkpoint."""
    recipe = RECIPES[arguments[0]]
    run, step, folder = Path(arguments[1]), int(arguments[2]), Path(arguments[3])
    weights = torch.load(run / f"step{step}.pt") if step else start_of(recipe)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: value.bfloat16().contiguous() for name, value in weights.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    (folder / "model.safetensors").chmod(0o644)
    config = recipe.shape.config()
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    generation = {"eos_token_id": config["eos_token_id"], "pad_token_id": config["pad_token_id"]}
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=1) + "\n")
    write(Tokenizer.from_file(str(run / "tokenizer.json")), folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
