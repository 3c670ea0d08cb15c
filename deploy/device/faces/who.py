#!/usr/bin/env python3
"""Who is in a picture, or that it is a stranger, on the board itself:

    python3 who.py photo.jpg
    python3 who.py --gallery compact.json photo.jpg another.png

Python 3.6 or newer with numpy, onnxruntime, and Pillow or OpenCV. Nothing is sent or written. Without --gallery the
people are those of the bundle; galleries/<variant>.json, which `python -m stages.faces enrol` fills, has one's own. It
speaks for the very network that it was made with, and is refused by another.

Exit code: 0 where somebody was looked at, known or not, 2 where nobody could be; the reason is one line on stderr.
"""

import argparse
import os
import sys

if sys.version_info < (3, 6):
    sys.exit("Error: the board's Python is %s; 3.6 or newer is needed" % sys.version.split()[0])

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "decode"))


def who(files, variant, gallery_file):
    """A line for each picture; the number of those with a face that could be looked at."""
    from face_reader import FaceReader, ReaderError, read_picture
    from gallery import UNKNOWN, identify, load

    reader = FaceReader(HERE, variant)
    path = gallery_file or reader.gallery
    if path is None:
        raise ReaderError("people were left out of this bundle (data.face.share): bring a gallery, --gallery FILE")
    gallery = load(path, reader.model_sha256)
    seen = 0
    for file in files:
        try:
            embedding, reason = reader.embedding(read_picture(file, reader.max_side))
        except ReaderError as error:
            embedding, reason = None, str(error)
        if embedding is None:
            say(sys.stderr, "skipped %s: %s" % (file, reason))
            continue
        seen += 1
        found = identify(embedding, gallery)
        near = "" if found.nearest is None else " (nearest: %s, cosine %.2f)" % (found.nearest, found.similarity)
        say(sys.stdout, "%s: %s%s" % (os.path.basename(file), found.name or UNKNOWN, near))
    return seen


def say(stream, line):
    # Names have letters that the board's locale may not know.
    stream.buffer.write((line + "\n").encode("utf-8", "surrogateescape"))
    stream.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE", help="photos")
    parser.add_argument("--variant", default="compact", help="default: compact")
    parser.add_argument("--gallery", help="default: the bundle's, where it has one")
    given = parser.parse_args()
    try:
        return 0 if who(given.files, given.variant, given.gallery) else 2
    except ImportError as error:
        problem = "%s; needed: python3 -m pip install --user numpy onnxruntime" % error
    except Exception as error:
        if type(error).__name__ not in ("ReaderError", "GalleryError"):
            raise
        problem = "; ".join(line.strip() for line in str(error).splitlines())
    say(sys.stderr, "Error: " + problem)
    return 2


if __name__ == "__main__":
    sys.exit(main())
