"""Expected values of the metrics, from the packages that the published harnesses use.

    python test/golden/make-metrics.py > test/golden/metrics.json

Made with Python 3.11, editdistance 0.8.1, rapidfuzz 3.14.6, thefuzz 0.22.1, fuzzywuzzy 0.18.0 (with
python-Levenshtein 0.27.5 and, in a second process that cannot import it, with difflib),
tree-sitter 0.25.2 and tree-sitter-python 0.25.0. What the profiles do around them is written out here
once more, in Python and as plainly as possible, so that `re`, `strip`, `splitlines`, `split` and `round`
are Python's own.
"""

import json
import keyword
import random
import re
import subprocess
import sys
import warnings

warnings.simplefilter("ignore")
WITHOUT_LEVENSHTEIN = "--difflib"
if WITHOUT_LEVENSHTEIN in sys.argv:
    sys.modules["Levenshtein"] = None

from fuzzywuzzy import fuzz as fuzzywuzzy  # noqa: E402

if WITHOUT_LEVENSHTEIN in sys.argv:
    assert fuzzywuzzy.SequenceMatcher.__module__ == "difflib"
    json.dump([fuzzywuzzy.ratio(a, b) for a, b in json.load(sys.stdin)], sys.stdout)
    sys.exit()

import editdistance  # noqa: E402
import tree_sitter_python  # noqa: E402
from thefuzz import fuzz as thefuzz  # noqa: E402
from tree_sitter import Language, Parser  # noqa: E402

assert fuzzywuzzy.SequenceMatcher.__module__ == "fuzzywuzzy.StringMatcher"

rng = random.Random(20251125)

CHARACTERS = ["a", "b", "c", "A", "_", "1", " ", "\n", "\r", "\r\n", "\t", "\f", "\v", "\x1c", "\x85", "\xa0",
              "\u2028", "\ufeff", "é", "e\u0301", "😀", "𝒳", "\udc00", "'", '"', "\\", "(", ";", "}", "#", "//"]
PIECES = ["return", "self", ".", "fooBar", "foo_bar", "x", "i", "(", ")", ",", " ", " ", "  ", "=", "==", "1",
          "'a'", '"b"', "\\", '"', "'", "#", "# note", "//", "// note", "/*", "*/", '"""', "'''", ";", "{", "}", "\n",
          "\n", "\n    ", "\r\n", "\f", "\x85", "\u2028", "None", "True", "null", "await", "static", "größe", "名", "😀",
          "²", "import", "var"]


def text(pieces, most):
    return "".join(rng.choice(pieces) for _ in range(rng.randrange(most + 1)))


def near(base, pieces):
    """A text some edits away."""
    parts = list(base)
    for _ in range(rng.randrange(5)):
        at = rng.randrange(len(parts) + 1)
        parts[at:at + rng.randrange(3)] = [rng.choice(pieces)] * rng.randrange(2)
    return "".join(parts)


def difflib_ratios(pairs):
    done = subprocess.run([sys.executable, __file__, WITHOUT_LEVENSHTEIN], input=json.dumps(pairs),
                          capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def make_ratios():
    pairs = [(text(CHARACTERS, 12), text(CHARACTERS, 12)) for _ in range(120)]
    pairs += [(text("abc", 14), text("abc", 14)) for _ in range(120)]
    for _ in range(60):
        base = text(PIECES, 14)
        pairs.append((base, near(base, PIECES)))
    for _ in range(12):  # Long enough for difflib to ignore frequent characters.
        base = text("abcdefghijklmnopqrstuvwxyz     ", 20) * rng.randrange(12, 16)
        pairs.append((near(near(base, "xyz"), "abc"), base[: rng.randrange(190, 300)]))
    differences = difflib_ratios(pairs)
    rows = []
    for (a, b), difflib in zip(pairs, differences):
        assert thefuzz.ratio(a, b) == fuzzywuzzy.ratio(a, b)
        rows.append([a, b, editdistance.eval(a, b), thefuzz.ratio(a, b), difflib])
    return rows


def make_ties():
    """Ratios whose exact value lies halfway between two integers: [shared, only a, only b, Indel, difflib]."""
    shapes = []
    for total in range(1, 201):
        for shared in range(total // 2 + 1):
            if (400 * shared) % total == 0 and (400 * shared // total) % 2 == 1:
                rest = total - 2 * shared
                shapes.append((shared, rest // 2, rest - rest // 2))
    pairs = [("a" * m + "b" * x, "a" * m + "c" * y) for m, x, y in shapes]
    return [[*shape, thefuzz.ratio(*pair), difflib]
            for shape, pair, difflib in zip(shapes, pairs, difflib_ratios(pairs))]


def make_texts():
    return [[t, t.strip(), t.rstrip(), t.splitlines(), t.split(), re.findall(r"\w+", t)]
            for t in (text(CHARACTERS, 10) for _ in range(150))]


def make_rounded():
    values = [k / 2 ** n for k in (1, 3, 5, 7, 25, 333) for n in range(1, 8)]
    values += [2.675, 1.005, 0.5, 1.5, 2.5, 99.995, 1 / 3, 200 / 3]
    values += [rng.randrange(1, 400) / rng.randrange(1, 400) * 100 for _ in range(60)]
    return [[v, [round(v, digits) for digits in range(6)]] for v in values]


# The profiles, written out plainly.

def levenshtein_similarity(a, b):
    longest = max(len(a), len(b))
    return None if longest == 0 else 1 - editdistance.eval(a, b) / longest


def llavacode_tokens(code):
    code = re.sub("[^A-Za-z0-9_]", lambda found: f" {found[0]} ", code)
    code = re.sub("(?<=[a-z])(?=[A-Z])", " ", code)
    return re.sub(r"\s+", " ", code).replace('"', "`").replace("'", "`").split()


def llavacode(completion, reference, language):
    filled = lambda t: [line for line in t.split("\n") if line.strip()]
    compared = "\n".join(filled(completion)[: len(filled(reference))])
    similarity = levenshtein_similarity(compared.strip(), reference.strip())
    return compared, int(llavacode_tokens(compared) == llavacode_tokens(reference)), similarity or 0


def repocoder(completion, reference, language):
    lines = lambda t: [line.strip() for line in t.splitlines() if line.strip()]
    wanted = lines(reference)
    given = lines(completion)[: len(wanted)]
    return "\n".join(given), int(given == wanted), levenshtein_similarity("\n".join(given), "\n".join(wanted))


KEYWORDS = {
    "python": set(keyword.kwlist) - {"True", "False"},
    # Only the words that the pieces above can make.
    "java": {"return", "import", "var", "static"},
    "csharp": {"return", "null", "static"},
    "typescript": {"return", "import", "var", "static"},
}


def cceval(completion, reference, language):
    compared = completion
    if language != "python":
        ends = [i for i, c in enumerate(completion) if c in ";{}"]
        if ends and ends[0] > 0:
            compared = completion[: ends[0] + 1]
    plain = lambda t: re.sub("//.*", "", re.sub("#.*", "", t))
    given, wanted = plain(compared), plain(reference)
    filled = lambda t: [line.strip() for line in t.split("\n") if line.strip()]
    quoted = r'''"([^"\\]*(\\.[^"\\]*)*)"|'([^'\\]*(\\.[^'\\]*)*)\''''

    def identifiers(t):
        words = re.findall(r"\w+", re.sub(quoted, "", t))
        return [w for w in words if re.match("[A-Za-z_]", w) and w not in KEYWORDS[language]]

    a, b = identifiers(given), identifiers(wanted)
    shared = len(set(a) & set(b))
    extras = [int(a == b), shared / len(set(a)) if a else 0, shared / len(set(b)) if b else 0,
              2 * shared / (len(set(a)) + len(set(b))) if a or b else 0]
    return (compared, int(filled(given) == filled(wanted)),
            thefuzz.ratio(given.strip(), wanted.strip()) / 100, extras)


def repobench(completion, reference, language):
    marks = (("#", ('"""', "'''"), ('"""', "'''")) if language == "python" else ("//", ("/*",), ("*/",)))
    lines = completion.lstrip("\n").split("\n")
    compared, inside = lines[0], False
    for line in lines:
        bare = line.strip()
        if not bare:
            continue
        if inside:
            inside = not bare.endswith(marks[2])
        elif bare.startswith(marks[1]):
            inside = True
        elif not bare.startswith(marks[0]):
            compared = line
            break
    return compared, int(compared.split() == reference.split()), thefuzz.ratio(compared, reference) / 100


def lca(completion, reference, language):
    compared = completion.strip("\n").split("\n")[0]
    return compared, int(compared.strip() == reference.strip()), thefuzz.ratio(compared, reference) / 100


def make_scores():
    rows = []
    for i in range(200):
        reference = text(PIECES, 10)
        completion = near(reference, PIECES) if i % 2 else text(PIECES, 16)
        language = ("python", "java", "csharp", "typescript")[i % 4]
        profiles = [f(completion, reference, language) for f in (llavacode, repocoder, cceval, repobench, lca)]
        rows.append([completion, reference, language, *profiles])
    return rows


def make_statements():
    """CrossCodeEval's cut, every beginning of the completion parsed as there."""
    parser = Parser(Language(tree_sitter_python.language()))

    def has_error(node):
        return node.type == "ERROR" or any(has_error(child) for child in node.children)

    def first_statement(prompt, completion):
        for i in range(len(completion)):
            if has_error(parser.parse((prompt + completion[: i + 1]).encode()).root_node):
                continue
            if i + 1 == len(completion):
                return completion  # The harness looks one character too far and fails.
            if completion[i + 1] == "\n":
                return completion[: i + 1].rstrip()
        return completion

    prompts = ["", "x = ", "def f(a):\n    return ", "class A:\n    def g(self):\n        y = [", "call(\n    a,\n    ",
               "if x:\n    ", "s = '''\n", "try:\n    pass\n"]
    pieces = ["x", "1", "(", ")", "[", "]", ",", ":", "\n", "\n", "\n    ", "\n\n", " ", "  # c", "foo(a)", "a.b", " + ",
              "return y", "for i in z:", "'a'", "'''", "except E:", "pass", "é", "😀", "\x1c", "def h():", "\\"]
    rows = []
    while len(rows) < 160:
        prompt, completion = rng.choice(prompts), text(pieces, 12)
        cut = first_statement(prompt, completion)
        # About as many that are cut as that are kept.
        if "\n" in completion and (cut != completion or rng.random() < 0.3):
            rows.append([prompt, completion, cut])
    return rows


sections = {
    "ratios": make_ratios(),
    "ties": make_ties(),
    "texts": make_texts(),
    "rounded": make_rounded(),
    "scores": make_scores(),
    "statements": make_statements(),
}
print("{")
for n, (name, rows) in enumerate(sections.items()):
    print(f'  "{name}": [')
    print(",\n".join(f"    {json.dumps(row)}" for row in rows))
    print("  ]" + ("," if n + 1 < len(sections) else ""))
print("}")
