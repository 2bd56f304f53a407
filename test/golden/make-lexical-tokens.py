"""Writes lexical-tokens.json: what NLTK's word tokenizer followed by \\w+ gives for hand-picked and random texts.

    pip install nltk==3.8.1 && python make-lexical-tokens.py > lexical-tokens.json

The sentence splitter (which needs downloaded data) is left out, as in src/retrieval/lexical-tokens.ts.
"""

import json
import random
import re

from nltk.tokenize import NLTKWordTokenizer

PIECES = [
    "don't", "Can't", "WON'T", "isn't", "n't", "cannot", "Cannot", "cannots", "my_cannot", "gonna", "wanna", "lemme",
    "gimme", "gotta", "'tis", "'Twas", "it's", "we'll", "foo", "fooBar", "snake_case", "größe", "变量", "x²", "½", "é", "😀",
    " ", " ", " ", "\n", "\t", ".", ",", ":", ";", "(", ")", "[", "]", "{", "}", "<", ">", "'", "''", '"', "`", "/", "\\",
    "-", "--", "=", "=>", "!", "?", "*", "&", "$", "#", "@", "%", "...", "1", "2.5", "don't.", "don't)",
]
HAND = [
    "", "if (!x) don't do_it(größe)", "// we can't do this; don't try", "throw new Error('cannot open');", "wanna\n",
    "I wanna go", "wanna.go", "isn't\nit", "'tis so", "x'tis", "don't=1", "don't,2", "don't, x", 'say "don\'t"',
    "const a = `can't`;", "can't.", "can't. ", "can't.)  ", "(can't)", "n't x", "a n't b", "'n't b", "naïve_été cannot",
    "can't\n", "can't\tgo", "can't go", "it isn't\nso", "x\n'tis so", "wanna'\n", "can't'\n", "don't,\n", "don't\r\n",
]


def tokens(text: str) -> list[str]:
    pieces = NLTKWordTokenizer().tokenize(text)
    return [token for piece in pieces for token in re.findall(r"\w+", piece)]


random.seed(20)
cases = HAND + ["".join(random.choice(PIECES) for _ in range(random.randint(1, 12))) for _ in range(3000)]
# Kept in the file: every hand-picked case and 400 random ones; all 3,000 were compared when this was written.
print(json.dumps([[text, tokens(text)] for text in cases[: len(HAND) + 400]], ensure_ascii=True, separators=(",", ":")))
