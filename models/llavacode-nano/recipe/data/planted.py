"""Context blocks that are certain to hold the answer, so that the decoder learns to copy.

Retrieved code holds a whole missing line in only a few samples of a hundred, too few for a
small decoder to learn within minutes that the lines of the context are worth looking at.  A
planted block replaces the code of one retrieved chunk by the code around the hole itself, the
missing line included, in the form of a chunk: ``WINDOW`` non-blank lines, commented.
Evaluation never plants anything.
"""

import numpy as np
from data.prompt import load_tokenizer
from data.retrieve import WINDOW, non_blank

BLOCK_HEAD = 2  # lines of a block before its code: "found in" and the path


class Planter:
    """Plants the code around a hole into its own context block.

    tokenizer: the decoder's ``tokenizer.json``.
    """

    def __init__(self, tokenizer):
        self.tokenizer = load_tokenizer(tokenizer)

    def text(self, ids):
        return self.tokenizer.decode(ids.tolist(), skip_special_tokens=False)

    def window(self, left, middle, right, rng):
        """Consecutive non-blank lines of the file, ``middle``'s at a random place among them."""
        before, after = self.text(left).split("\n"), self.text(right).split("\n")
        indent = before.pop()
        hole = [line for line in (indent + self.text(middle) + after[0]).split("\n") if line.strip()]
        above = int(rng.integers(2, WINDOW))
        before, after = non_blank(before)[-above:], non_blank(after[1:])[: max(0, WINDOW - above - len(hole))]
        return [*before, *hole, *after]

    def ids(self, text):
        return np.array(self.tokenizer.encode(text, add_special_tokens=False).ids, np.int64)

    def chunk(self, left, middle, right, rng):
        """Decoder ids of the code around a hole, in the form of a chunk."""
        return self.ids("\n".join(self.window(left, middle, right, rng)))

    def plant(self, k, left, middle, right, budget, rng):
        """Ids of ``k`` with one of its chunks replaced, at most ``budget`` of them; ``k`` itself without a chunk.

        The chunk is one that begins in the first half of ``k``, so that the planted code is rarely cut.
        """
        blocks = self.text(k[:budget]).split("\n\n")
        chunks = [i for i, block in enumerate(blocks[: len(blocks) // 2 + 1]) if block.startswith("// the below")]
        if not chunks:
            return k
        chosen = int(rng.choice(chunks))
        head = blocks[chosen].split("\n")[:BLOCK_HEAD]
        code = [f"// {line}" for line in self.window(left, middle, right, rng)]
        blocks[chosen] = "\n".join([*head, *code])
        return self.ids("\n\n".join(blocks))[:budget]
