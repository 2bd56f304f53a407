"""Trains the byte-level BPE and writes the decoder and encoder tokenizer files.

Both tokenizers share merges; they differ in special tokens and therefore in ids.
The decoder carries Qwen2.5-Coder's special tokens, the encoder RoBERTa's plus
UniXcoder's ``<encoder-only>`` at UniXcoder's id 6.

Usage: python -m data.tokenizer --data DIR --config FILE
"""

import argparse
import json
import random
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
DECODER_SPECIALS = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
]
ENCODER_SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "<encoder-decoder>", "<encoder-only>", "<decoder-only>"]
SHIFT = len(ENCODER_SPECIALS)  # encoder id - decoder id of a BPE entry
RAG_MARKERS = (
    "// Here are some relevant code fragments from other files of the repo:\n\n",
    "// the below code fragment can be found in:\n// src/",
)


def train_bpe(texts, size):
    """(vocab, merges) of a byte-level BPE with ``size`` entries, no special tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer()
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(m) for m in model["merges"]]


def pre_tokenizer():
    """Qwen2's pre-tokenizer: regex split, then bytes to printable characters."""
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def assemble(vocab, merges, specials, specials_first):
    """Tokenizer over the shared merges with ``specials`` before or after the BPE entries."""
    entries = sorted(vocab, key=vocab.get)
    order = specials + entries if specials_first else entries + specials
    ids = {token: i for i, token in enumerate(order)}
    bpe = models.BPE(vocab=ids, merges=merges)
    tokenizer = Tokenizer(bpe)
    tokenizer.pre_tokenizer = pre_tokenizer()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in specials])
    return tokenizer


def save(tokenizer, folder, settings):
    """Writes tokenizer.json and tokenizer_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def corpus_sample(path, megabytes):
    """A seeded sample of training texts of about ``megabytes``, plus the fixed prompt phrases."""
    texts = [r["text"] for r in map(json.loads, open(path)) if r["split"] == "train"]
    random.Random(0).shuffle(texts)
    picked, size = [], 0
    for text in texts:
        if size > megabytes * 1e6:
            break
        picked.append(text)
        size += len(text)
    # Retrieved code reaches the decoder as comment lines.
    commented = ["\n".join("// " + line for line in t.split("\n") if line.strip()) for t in picked[::4]]
    return picked + commented + list(RAG_MARKERS) * 3000


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    args = parser.parse_args()
    config = json.loads(args.config.read_text())
    size = config["decoder"]["vocab_size"]
    texts = corpus_sample(args.data / "corpus.jsonl", config["tokenizer_megabytes"])
    vocab, merges = train_bpe(texts, size - len(DECODER_SPECIALS))

    decoder = assemble(vocab, merges, DECODER_SPECIALS, specials_first=False)
    save(
        decoder,
        args.data / "tokenizers/decoder",
        {
            "tokenizer_class": "Qwen2Tokenizer",
            "bos_token": None,
            "eos_token": "<|endoftext|>",
            "pad_token": "<|endoftext|>",
            "unk_token": None,
            "add_prefix_space": False,
            "clean_up_tokenization_spaces": False,
            "model_max_length": config["decoder"]["max_position_embeddings"],
        },
    )
    encoder = assemble(vocab, merges, ENCODER_SPECIALS, specials_first=True)
    save(
        encoder,
        args.data / "tokenizers/encoder",
        {
            "tokenizer_class": "RobertaTokenizer",
            "bos_token": "<s>",
            "cls_token": "<s>",
            "eos_token": "</s>",
            "sep_token": "</s>",
            "pad_token": "<pad>",
            "unk_token": "<unk>",
            "mask_token": "<mask>",
            "add_prefix_space": False,
            "clean_up_tokenization_spaces": False,
            "model_max_length": config["encoder"]["max_position_embeddings"] - 2,
        },
    )
    probe = texts[0][:20000]
    print(f"decoder entries        {decoder.get_vocab_size()}")
    print(f"encoder entries        {encoder.get_vocab_size()}")
    print(f"<encoder-only>         {encoder.token_to_id('<encoder-only>')}")
    print(f"bytes per token        {len(probe.encode()) / len(decoder.encode(probe).ids):.2f}")


if __name__ == "__main__":
    main()
