"""Writes archives/shapes.tar.xz: a repository of two small files, since Node cannot pack xz itself.

    python test/golden/make-archive.py
"""

import io
import tarfile
from pathlib import Path

OUT = Path(__file__).parent / "archives" / "shapes.tar.xz"
FILES = {
    "repositories/shapes/pkg/unit.py": b"UNIT = 1\r\n",
    "repositories/shapes/pkg/side.py": "SIDE = '\u00e9'\n".encode(),
    "repositories/shapes/notes.txt": b"not code\n",
}

OUT.parent.mkdir(exist_ok=True)
with tarfile.open(OUT, "w:xz") as archive:
    for name, content in FILES.items():
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    link = tarfile.TarInfo("repositories/shapes/link.py")
    link.type = tarfile.SYMTYPE
    link.linkname = "/etc/passwd"
    archive.addfile(link)
