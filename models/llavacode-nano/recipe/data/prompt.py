"""What the decoder and the encoder read, as token ids: the recipe's form of the program's prompts.

The program's own code is ``src/prompt/`` and ``src/tokenizer/``; ``test/recipe/parity.test.ts``
demands the same ids from both.
"""

import numpy as np
from tokenizers import Tokenizer

from data.tokenizer import DECODER_SPECIALS, ENCODER_SPECIALS

BOS, PAD, EOS, ENCODER_ONLY = (ENCODER_SPECIALS.index(t) for t in ("<s>", "<pad>", "</s>", "<encoder-only>"))
CHUNK_SPECIALS = 4  # <s> <encoder-only> </s> ... </s>
HEADER = "// Here are some relevant code fragments from other files of the repo:\n\n"
CHUNK_HEADER = "// the below code fragment can be found in:\n// "
MARKERS = 3  # prefix, suffix and middle token
CHARACTERS = 8  # tried per token that is wanted; code has about three to a token
BATCH = 1024


def load_tokenizer(path):
    """The tokenizer of ``tokenizer.json``; source code that spells a special token is ordinary text for it."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.encode_special_tokens = True
    return tokenizer


def fim_ids(vocab_size):
    """(endoftext, prefix, suffix, middle) ids; the special tokens end the decoder vocabulary."""
    first = vocab_size - len(DECODER_SPECIALS)
    names = ("<|endoftext|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
    return tuple(first + DECODER_SPECIALS.index(name) for name in names)


def budgets(prompt):
    """(left, right, context) token budgets of LlavaCode's prompt (left:right = 2:1).

    prompt: the configuration's ``prompt``.
    """
    total = prompt["max_prompt_tokens"] - prompt["max_new_tokens"] - MARKERS
    right = int(total / (prompt["left_right_ratio"] + 1))
    return int(right * prompt["left_right_ratio"]), right, prompt["context_tokens"]


def context_block(chunks):
    """The commented cross-file text of (path, text) chunks; "" without chunks."""
    if not chunks:
        return ""
    blocks = (
        CHUNK_HEADER + path + "\n" + "".join(f"// {line}\n" for line in text.strip("\n").splitlines()) + "\n"
        for path, text in chunks
    )
    return HEADER + "".join(blocks)


def prompt_ids(context, left, right, ids, placement="before-prefix"):
    """The prompt up to the middle token; ``ids`` as :func:`fim_ids` has them.

    placement: ``before-prefix`` or ``after-suffix``, where the context stands.
    """
    _, prefix, suffix, middle = ids
    around = ([prefix], left, [suffix], right)
    parts = (context, *around) if placement == "before-prefix" else (*around, context)
    return np.concatenate((*parts, [middle])).astype(np.int64)


def chunk_input(ids, limit):
    """UniXcoder's encoder-only input of a chunk, at most ``limit`` ids."""
    return np.concatenate(([BOS, ENCODER_ONLY, EOS], ids[: limit - CHUNK_SPECIALS], [EOS])).astype(np.int64)


def encode(tokenizer, texts):
    """Token ids of the texts, as uint16 arrays."""
    return [
        np.array(e.ids, np.uint16)
        for i in range(0, len(texts), BATCH)
        for e in tokenizer.encode_batch(texts[i : i + BATCH], add_special_tokens=False)
    ]


def can_cut(text, at):
    """Whether the ids of ``text`` are those of its first ``at`` characters and then those of the rest.

    In the tokenizer's pattern a word ends between an ASCII letter and an ASCII character that is neither letter,
    digit nor apostrophe, and nothing looks back; BPE never merges across words.
    """
    before, after = text[at - 1], text[at]
    return before.isascii() and before.isalpha() and after.isascii() and not after.isalnum() and after != "'"


def encode_heads(tokenizer, texts, limit):
    """The first ``limit`` ids of every text, as if all of it had been tokenized."""
    return _encode_ends(tokenizer, texts, limit, lambda text, n: (0, _cut(text, n, 1)), lambda ids: ids[:limit])


def encode_tails(tokenizer, texts, limit):
    """The last ``limit`` ids of every text, as if all of it had been tokenized."""
    span = lambda text, n: (_cut(text, len(text) - n, -1), len(text))  # noqa: E731
    return _encode_ends(tokenizer, texts, limit, span, lambda ids: ids[-limit:])


def _cut(text, at, step):
    """The nearest place from ``at`` on in direction ``step`` where ``text`` can be cut, or its end."""
    at = min(max(at, 0), len(text))
    while 0 < at < len(text) and not can_cut(text, at):
        at += step
    return at


def _encode_ends(tokenizer, texts, limit, span, kept):
    """Tokenizes a part of each text, and a larger part of those whose part has too few tokens."""
    out, missing, characters = [None] * len(texts), list(range(len(texts))), limit * CHARACTERS
    while missing:
        spans = [span(texts[i], characters) for i in missing]
        found = encode(tokenizer, [texts[i][a:b] for i, (a, b) in zip(missing, spans)])
        short = []
        for i, (a, b), ids in zip(missing, spans, found):
            if len(ids) >= limit or b - a == len(texts[i]):
                out[i] = kept(ids)
            else:
                short.append(i)
        missing, characters = short, characters * 4
    return out
