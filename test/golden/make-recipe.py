"""Writes recipe.json: what the recipe of the embedded model retrieves, shows and scores, for the program to repeat.

    pip install numpy scipy tokenizers && python make-recipe.py > recipe.json

Everything is computed by the recipe's own modules (models/llavacode-nano/recipe); the repository is made up here.
"""

import json
import random
import sys
from pathlib import Path

NANO = Path(__file__).resolve().parents[2] / "models/llavacode-nano"
sys.path.insert(0, str(NANO / "recipe"))

from data.prompt import (  # noqa: E402
    CHUNK_SPECIALS,
    budgets,
    chunk_input,
    context_block,
    encode,
    encode_heads,
    encode_tails,
    fim_ids,
    load_tokenizer,
    prompt_ids,
)
from data.retrieve import PackageIndex, query_text, words  # noqa: E402
from data.samples import split_hole  # noqa: E402
from evaluation.scores import score  # noqa: E402

NAMES = ["total", "index", "größe", "变量", "snake_case", "parseNode", "x1", "user", "cart", "price", "List", "don"]
LINES = [
    "const {0} = {1}({2});", "if (!{0}) return {1};", "  {0}.{1} += {2};", "// we don't use {0}, and {1} cannot be {2}",
    "export function {0}({1}: {2}) {{", "}}", "  throw new Error(`can't open ${{{0}}}`);", "  const s = '😀 {0} \\u2028';",
    "/* it's {0} \x0c {1} */", "  let {0}\u2028 = {1};", "\x1d", "", "   ", "  return [{0}, {1}, {2}];", "gotta({0}); // wanna {1}",
    "<{0}>{{{1}}}</{0}>", "=================================================", "  {0}: isn't({1}),", "\ufeff{0}",
]
WORDS = [
    "", "if (!x) don't do_it(größe)", "// we can't do this; don't try", "throw new Error('cannot open');", "wanna\n", "I wanna go",
    "wanna.go", "isn't\nit", "'tis so", "x'tis", "don't=1", "don't,2", "don't, x", "can't. ", "can't.)  ", "(can't)", "cannots",
    "can not'tis it", "my_cannot", "ISN'T", "Isn'T", "²½ x² 变量 é😀", "gimme--'twas", "lemme''gotta", "don't:1 don't: 1",
]
PAIRS = [
    ("", ""), ("", "x"), ("x", ""), ("  ", "\t"), ("return x;", "return x;"), ("return 'x';", 'return "x";'), ("\n\n  return x\ny = 2", "return x"),
    ("fooBar ( a,b )", "foo Bar(a, b)"), ("s = '😀'", "s = 'x'"), ("größe = 变量", "grosse = 变量"), ("a\nb\nc", "a\nb"), ("a\n\n b", "a\n\n\nb\n"),
    ("x\u2028y", "x y"), ("x\x1cy", "xy"), ("\ufeffx", "x"), ("return [", "return [`a`]"), ("🇩🇪🇩🇪", "🇩🇪"), ("e\u0301", "é"), ("aB", "a B"), ("AB", "A B"),
    ("x = 1;   // why", "x=1;//why"), ("'", '"'), ("x_1", "x _ 1"), ("\t\treturn", "return\n"), ("\r\nx", "x"),
]
CHUNKS = [
    "", "let x;", "const m = '<mask>';\n</s><s><pad>", "<encoder-only> <|fim_prefix|>", "größe = '😀';\n\treturn 变量;", " " * 300 + "x", "a" * 700,
    "\n".join(f"const value{i} = compute({i});" for i in range(40)),
]
# Left and right sides that are hard to cut: few tokens in many characters, no safe place for a cut, special tokens.
SIDES = [
    ("", ""), ("let a = ", ";"), ("  ", "\n"), ("x" * 3500, "y" * 1800), (" " * 3500 + "a(", " " * 1800 + "b"), ("// " + "=" * 2500 + "\n", "=" * 2500),
    ("\n" * 500 + "if", "\n" * 300 + "}"), ("'<|fim_prefix|>' + ", " + '<|endoftext|><|fim_middle|>'"), ("1" * 500, "2" * 300),
    ("变量 = '😀';\n" * 60, "\n变量 = '😀';" * 30), ("const don't = 1;\n" * 100, "\nit's = 2;" * 60),
]
SETTINGS = [
    {"max_prompt_tokens": 640, "max_new_tokens": 50, "left_right_ratio": 2.0, "context_tokens": 512},
    {"max_prompt_tokens": 97, "max_new_tokens": 50, "left_right_ratio": 2.0, "context_tokens": 33},
]
HOLES = 18


def made_up(rng):
    """Files of a repository: [(path, text)], with windows that are equal, near, tied or empty."""
    files = []
    for folder in ("", "src/", "src/a/b/", "src/größe/"):
        for name in ("one.ts", "z😀.ts", "～.ts"):
            lines = [rng.choice(LINES).format(*rng.sample(NAMES, 3)) for _ in range(rng.choice([3, 12, 25]))]
            files.append((folder + name, "\n".join(lines)))
    copied = files[5][1]
    return [*files, ("src/copy.ts", copied), ("src/a/copy.ts", copied), ("empty.ts", ""), ("blank.ts", " \n\n\t"), ("marks.ts", "}\n{\n;")]


def retrieval(files, rng):
    """One case a hole: what was asked, and what came back for k = 1, 3 and 10."""
    index = PackageIndex(files)
    targets = [i for i, (_, text) in enumerate(files) if text.count("\n") > 1]
    for number in range(HOLES):
        target = targets[number % len(targets)]
        lines = files[target][1].split("\n")
        left, middle, right = split_hole(lines, rng.randrange(len(lines)), 1)
        query = query_text(left)
        found = [index.search_scored(target, [query], k)[0] for k in (1, 3, 10)]
        # With a smaller k a beginning of the same list is shown: of it only the length is kept.
        assert all(ranked == found[-1][: len(ranked)] for ranked in found)
        shown = [[index.paths[index.owner[w]], index.windows[w], s] for w, s in found[-1]]
        case = {"path": files[target][0], "left": left, "middle": middle, "right": right, "query": query}
        yield {**case, "shown": shown, "shownOf1": len(found[0]), "shownOf3": len(found[1])}


def prompts(tokenizer, ids, cases):
    """Prompt ids of (left, right, chunks) under every setting; ``afterSuffix`` where prompts are short."""
    for setting in SETTINGS:
        lc, rc, kc = budgets(setting)
        for left, right, chunks in cases:
            block = context_block(chunks)
            parts = [
                *encode_heads(tokenizer, [block], kc), *encode_tails(tokenizer, [left], lc), *encode_heads(tokenizer, [right], rc),
            ]
            yield {
                "setting": SETTINGS.index(setting),
                "left": left,
                "right": right,
                "chunks": chunks,
                "beforePrefix": prompt_ids(*parts, ids).tolist(),
                "afterSuffix": prompt_ids(*parts, ids, "after-suffix").tolist() if lc < 50 else None,
                "contextTokens": len(parts[0]),
            }


rng = random.Random(7)
files = made_up(rng)
cases = list(retrieval(files, rng))
decoder = load_tokenizer(NANO / "decoder/tokenizer.json")
encoder = load_tokenizer(NANO / "encoder/tokenizer.json")
sides = [(left, right, [["src/x.ts", CHUNKS[1 + i % (len(CHUNKS) - 1)]]]) for i, (left, right) in enumerate(SIDES)]
sides += [(c["left"], c["right"], [row[:2] for row in c["shown"]]) for c in cases[:4]]
golden = {
    "words": [[text, words(text)] for text in [*WORDS, *(line.format(*NAMES[:3]) for line in LINES)]],
    "files": files,
    "retrieval": cases,
    "blocks": [
        {"chunks": chunks, "text": context_block(chunks)}
        for chunks in ([], *([[f"src/{i}.ts", text]] for i, text in enumerate(CHUNKS)), [["a.ts", "\n\nx\x0cy\u2028z\r\n\n"], ["b/😀.ts", "\ty\x85z\n"]])
    ],
    "scores": [[prediction, reference, *score(prediction, reference)] for prediction, reference in PAIRS],
    "settings": SETTINGS,
    "prompts": list(prompts(decoder, fim_ids(decoder.get_vocab_size()), sides)),
    "encoderInputs": [
        {"text": text, "limit": limit, "ids": chunk_input(ids, limit).tolist()}
        for text, ids in zip(CHUNKS, encode(encoder, CHUNKS))
        for limit in (256, CHUNK_SPECIALS, 12)
    ],
}
print(json.dumps(golden, ensure_ascii=True, separators=(",", ":")))
