"""Writes what transformers makes of a GGUF file, for scripts/check-gguf.ts.

    python -m venv .venv && .venv/bin/pip install torch transformers accelerate gguf
    .venv/bin/python scripts/check-gguf.py MODEL.gguf expected.json
    npx tsx scripts/check-gguf.ts MODEL.gguf expected.json

SHA-256 of every tensor as the `gguf` package dequantizes it, ids of 10,000 strings (code and prose of five
languages, other scripts, control tokens, broken and odd Unicode) by transformers' own conversion of the tokenizer,
and 20 greedy continuations of 50 tokens in fp32.
"""

import hashlib
import json
import random
import sys
from pathlib import Path

import torch
from gguf import GGUFReader, dequantize
from transformers import AutoModelForCausalLM
from transformers.integrations.gguf import convert_gguf_tokenizer, get_gguf_tokenizer

STRINGS = 10_000
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

PYTHON = """def merge(left: list[int], right: list[int]) -> list[int]:
    \"\"\"Merge two sorted lists; doesn't copy them first.\"\"\"
    out, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]: out.append(left[i]); i += 1
        else: out.append(right[j]); j += 1
    return out + left[i:] + right[j:]  # 0x1F, 1_000_000, 3.14e-10, b'\\x00'
@dataclass(frozen=True)
class Point3D:
    x: float = 0.0; y: float = 0.0; z: float = 0.0
    def __add__(self, other): return Point3D(self.x + other.x, self.y + other.y, self.z + other.z)
"""
TYPESCRIPT = """export async function* readLines(path: string, { encoding = 'utf8' }: Options = {}): AsyncGenerator<string> {
\tlet rest = '';
\tfor await (const chunk of createReadStream(path, encoding)) {
\t\tconst lines = (rest + chunk).split(/\\r?\\n/gu);
\t\trest = lines.pop() ?? '';
\t\tyield* lines;
\t}
\tif (rest !== '') yield `${rest}\\u00e9`;
}
type DeepPartial<T> = { readonly [K in keyof T]?: T[K] extends object ? DeepPartial<T[K]> : T[K] };
"""
JAVA = """@Override
public synchronized <K extends Comparable<K>, V> Map<K, List<V>> groupBy(Collection<V> values, Function<V, K> key) {
        Map<K, List<V>> groups = new TreeMap<>();
        for (V value : values) groups.computeIfAbsent(key.apply(value), k -> new ArrayList<>()).add(value);
        return Collections.unmodifiableMap(groups); // O(n log n)
}
private static final long serialVersionUID = -6849794470754667710L;
"""
CPP = """template <typename T, std::size_t N>
constexpr auto sum(const std::array<T, N>& xs) noexcept -> T {
  T total{};
  for (auto&& x : xs) total += x;  /* unrolled? */
  return total;
}
#define MAX(a, b) ((a) > (b) ? (a) : (b))
int main(int argc, char** argv) { printf("%08.3f\\n", 42.0f); return argc > 1 ? EXIT_FAILURE : 0; }
"""
GO = """func (s *Server) handle(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
\tid, err := strconv.ParseInt(r.URL.Query().Get("id"), 10, 64)
\tif err != nil {
\t\treturn fmt.Errorf("parse id: %w", err)
\t}
\tselect { case s.jobs <- job{id}: case <-ctx.Done(): return ctx.Err() }
\treturn json.NewEncoder(w).Encode(map[string]any{"ok": true, "id": id})
}
"""
PROSE = [
    "The quick brown fox jumps over the lazy dog; it's 1969, we've 42 apples and I'LL take O'Neil's.",
    "Größe, naïve, façade, Straße, jalapeño, coração, œuvre, Ångström, Łódź, İstanbul, ﬁnance",
    "日本語の文章と、カタカナ、ひらがな。全角　空白", "变量和函数的名称都用中文，例如：返回值。", "한국어 문장과 함수 이름",
    "Привет, мир! Как дела?", "Ελληνικά γράμματα", "שלום עולם", "مرحبا بالعالم ١٢٣", "नमस्ते दुनिया १२३", "สวัสดีชาวโลก",
]
CONTROLS = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|file_sep|>",
    "<|", "|>", "<s>", "</s>", "[PAD151933]", "<0x0A>",
]
ODD = [
    "🙂", "👩‍💻", "🇩🇪", "e\u0301", "é", "²", "½", "Ⅷ", "①", "\u00a0", "\u2003", "\u200b", "\u200d", "\u3000", "\ufeff", "\u2028", "\u0085", "\u0000",
    "\u007f", "\u001b", "\ufffd", "\U0001d518", "\U000e0001", "\u0130", "\u017f", "K", "▁", "Ġ", "Ċ", "\r", "\r\n", "\n\n", "\t\t", "    ", "        ", " ",
]


def strings() -> list[str]:
    chosen = random.Random(2026)
    sources = [PYTHON, TYPESCRIPT, JAVA, CPP, GO, *PROSE]
    made = [*sources, *CONTROLS, *ODD]

    def piece() -> str:
        kind = chosen.random()
        if kind < 0.55:
            source = chosen.choice(sources)
            start = chosen.randrange(len(source))
            return source[start:start + chosen.randint(1, 60)]
        if kind < 0.65:
            return chosen.choice(CONTROLS)
        if kind < 0.85:
            return chosen.choice(ODD)
        if kind < 0.92:
            return str(chosen.randrange(10 ** chosen.randint(1, 12)))
        code = chosen.randrange(0x110000)
        return chr(code) if not 0xD800 <= code < 0xE000 else "?"

    while len(made) < STRINGS:
        made.append("".join(piece() for _ in range(chosen.randint(1, 6))))
    return made


def tensors(path: Path) -> dict[str, dict[str, str]]:
    found = {}
    for tensor in GGUFReader(path).tensors:
        numbers = dequantize(tensor.data, tensor.tensor_type).astype("<f4")
        found[tensor.name] = {"type": tensor.tensor_type.name, "sha256": hashlib.sha256(numbers.tobytes()).hexdigest()}
    return found


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source = Path(sys.argv[1]).resolve()
    architecture, description, _ = get_gguf_tokenizer(str(source))
    tokenizer, _ = convert_gguf_tokenizer(architecture, description)
    # Source code that spells a control token is text, not that token.
    tokenizer.encode_special_tokens = True
    texts = strings()
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    controls = {name: tokenizer.token_to_id(name) for name in CONTROLS if name.endswith("|>") and len(name) > 2}

    model = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32).eval()
    cases = []
    for prompt in PROMPTS:
        prompt_ids = torch.tensor([tokenizer.encode(prompt, add_special_tokens=False).ids])
        generated = model.generate(
            prompt_ids, attention_mask=torch.ones_like(prompt_ids), max_new_tokens=NEW_TOKENS,
            min_new_tokens=NEW_TOKENS, do_sample=False, num_beams=1, repetition_penalty=1.0, eos_token_id=None, pad_token_id=0,
        )[0, prompt_ids.shape[1]:]
        with torch.no_grad():
            logits = model(prompt_ids).logits[0, -1]
        cases.append({
            "text": prompt, "ids": prompt_ids[0].tolist(), "generated": generated.tolist(),
            "completion": tokenizer.decode(generated.tolist(), skip_special_tokens=True), "logits": logits.tolist(),
        })
    expected = {
        "tensors": tensors(source),
        "strings": [{"text": text, "ids": own} for text, own in zip(texts, ids)],
        "controls": controls,
        "cases": cases,
    }
    Path(sys.argv[2]).write_text(json.dumps(expected))
    print(f"wrote {sys.argv[2]}: {len(texts)} strings, {len(cases)} prompts of {NEW_TOKENS} tokens")


main()
