"""Carries a corpus to a machine without network, and a bundle back in small files.

Usage: python -m data.pack shrink FILE --out FILE.xz     one compressed file
       python -m data.pack grow FILE.xz --out FILE
       python -m data.pack split FOLDER --out PARTS      a folder as files of at most 15 MB and ``parts.json``
       python -m data.pack join PARTS --out FOLDER       checks every hash, then unpacks
"""

import argparse
import hashlib
import io
import json
import lzma
import shutil
import tarfile
from pathlib import Path

PART_BYTES = 15_000_000
MANIFEST = "parts.json"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def shrink(source, out):
    with open(source, "rb") as plain, lzma.open(out, "wb", preset=6) as packed:
        shutil.copyfileobj(plain, packed, 1 << 20)


def grow(source, out):
    unfinished = out.with_name(out.name + ".tmp")
    with lzma.open(source) as packed, open(unfinished, "wb") as plain:
        shutil.copyfileobj(packed, plain, 1 << 20)
    unfinished.rename(out)


def split(source, out):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path in sorted(p for p in source.rglob("*") if p.is_file()):
            archive.add(path, str(path.relative_to(source)))
    data = buffer.getvalue()
    out.mkdir(parents=True, exist_ok=True)
    parts = []
    for i, start in enumerate(range(0, len(data), PART_BYTES)):
        part = data[start : start + PART_BYTES]
        (out / f"part-{i}").write_bytes(part)
        parts.append({"name": f"part-{i}", "sha256": sha256(part)})
    (out / MANIFEST).write_text(json.dumps({"sha256": sha256(data), "parts": parts}, indent=1) + "\n")
    print(f"parts {len(parts)}  bytes {len(data)}  sha256 {sha256(data)}")


def join(source, out):
    manifest = json.loads((source / MANIFEST).read_text())
    parts = []
    for part in manifest["parts"]:
        data = (source / part["name"]).read_bytes()
        if sha256(data) != part["sha256"]:
            raise SystemExit(f"{source / part['name']}: has sha256 {sha256(data)}, expected {part['sha256']}; copy it again")
        parts.append(data)
    whole = b"".join(parts)
    if sha256(whole) != manifest["sha256"]:
        raise SystemExit(f"{source}: the joined parts have sha256 {sha256(whole)}, expected {manifest['sha256']}")
    with tarfile.open(fileobj=io.BytesIO(whole)) as archive:
        archive.extractall(out, filter="data")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("shrink", "grow", "split", "join"))
    parser.add_argument("source", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    {"shrink": shrink, "grow": grow, "split": split, "join": join}[args.action](args.source, args.out)


if __name__ == "__main__":
    main()
