"""A model whose layers have few different weights, as a small file: a codebook and short codes for each layer.

Method: the storage of Han et al., Deep Compression, ICLR 2016 (arXiv:1510.00149), shared weights and Huffman coding,
without a loss: what is unpacked has the bytes of what was packed. Of a layer of n weights with 2^b different values
the paper stores n * b bits and a codebook of 2^b floats, about b/32 of its floats. Huffman coding makes that less
where some values are more frequent than others, down to the entropy of the codes: k-means makes them so, and pruning
more. Where one value, the zero, is frequent enough, a bit for each weight says where it stands, and only the others
have codes; the paper counts the gaps between them instead, to the same end.

The coder is zlib's Huffman, with or without its search for repetitions, whichever is smaller: one that every Python
has, on a board too. Codes of up to 4 bits share a byte, so that the Huffman code is over pairs or more of them.

    "EDGEPACK"   magic
    crc32        of all that follows, uint32, little-endian as all numbers here
    length       of the manifest, uint32
    manifest     JSON: SHA-256 of the original, length of the packed rest; of each layer its place in the original,
                 count of weights, count of values, bits of a code, packed length of the codes and of the mask
    layers       of each the codebook, float32, the packed mask (none: of length 0) and the packed codes
    rest         everything else of the original, packed by zlib
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import EdgeboardError
from pipeline.files import replacing_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_VALUES = 256
# A layer below this is not worth its line in the manifest.
_FEWEST_WEIGHTS = 256


def pack(model: Path, out: Path) -> None:
    """Pack an ONNX file (weights inside, not in a file beside it). The same input and zlib give the same bytes."""
    original = model.read_bytes()
    layers: list[dict[str, int]] = []
    streams: list[bytes] = []
    rest: list[bytes] = []
    done = 0
    for raw in _weights(model):
        # Wherever these bytes are found they are the same bytes; in the order of the file they are the layer's own.
        start = original.find(raw, done)
        layer = _shared(raw) if start >= 0 else None
        if layer is None:
            continue
        described, stream = layer
        layers.append({"offset": start, **described})
        streams.append(stream)
        rest.append(original[done:start])
        done = start + len(raw)
    rest.append(original[done:])
    packed_rest = zlib.compress(b"".join(rest), 9)
    manifest = {
        "format": 1,
        "sha256": hashlib.sha256(original).hexdigest(),
        "rest": len(packed_rest),
        "layers": layers,
    }
    encoded = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
    body = b"".join([struct.pack("<I", len(encoded)), encoded, *streams, packed_rest])
    packed = b"EDGEPACK" + struct.pack("<I", zlib.crc32(body)) + body
    restore(packed)  # the proof, before it ships: this raises where the original does not come back
    with replacing_file(out) as temporary:
        temporary.write_bytes(packed)


def unpack(packed: Path, out: Path) -> None:
    """Write the ONNX file that was packed. Raises EdgeboardError when the packed file is cut or changed."""
    if not packed.is_file():
        raise EdgeboardError("There is no such file", where=packed)
    data = packed.read_bytes()
    try:
        original = restore(data)
    except Exception as error:  # json, struct and zlib raise their own
        raise EdgeboardError(
            "The packed model cannot be unpacked",
            where=packed,
            value=error,
            allowed="a file that export wrote, model.onnx.packed, whole and unchanged",
            mend="copy it again, or make it again with `dvc repro`",
        ) from error
    with replacing_file(out) as temporary:
        temporary.write_bytes(original)


# Plain Python 3.6 and its standard library, in one function: a board has nothing else.
def restore(packed: bytes) -> bytes:
    """The bytes that were packed. Raises ValueError, or an error of json, struct or zlib, when they are not whole."""

    def expand(data: bytes, table: list) -> bytes:
        # In parts: a list of all its bytes would take many times the memory of the layer.
        parts = (data[start : start + 65536] for start in range(0, len(data), 65536))
        return b"".join(b"".join(map(table.__getitem__, part)) for part in parts)

    def codes_of(stream: bytes, bits: int) -> bytes:
        # The first code of a byte is in its lowest bits.
        split = [bytes(byte >> shift & (1 << bits) - 1 for shift in range(0, 8, bits)) for byte in range(256)]
        return expand(zlib.decompress(stream), split)

    if packed[:8] != b"EDGEPACK":
        raise ValueError("it does not begin as a packed model does")
    if len(packed) < 16 or struct.unpack_from("<I", packed, 8)[0] != zlib.crc32(packed[12:]):
        raise ValueError("its checksum is wrong: it was cut or changed")
    place = 16 + struct.unpack_from("<I", packed, 12)[0]
    manifest = json.loads(packed[16:place].decode())
    if manifest["format"] != 1:
        raise ValueError(f"it was packed by another version, in format {manifest['format']}")
    rest = zlib.decompress(packed[len(packed) - manifest["rest"] :])
    pieces, taken, written = [], 0, 0
    for layer in manifest["layers"]:
        book = [packed[place + 4 * i : place + 4 * i + 4] for i in range(layer["values"])]
        mask_at = place + 4 * layer["values"]
        codes_at, place = mask_at + layer["mask"], mask_at + layer["mask"] + layer["codes"]
        codes = codes_of(packed[codes_at:place], layer["bits"])
        if layer["mask"]:
            others = iter(codes)
            mask = codes_of(packed[mask_at:codes_at], 1)[: layer["count"]]
            codes = bytes(next(others) + 1 if other else 0 for other in mask)
        between = layer["offset"] - written
        pieces += [rest[taken : taken + between], expand(codes[: layer["count"]], book)]
        taken, written = taken + between, layer["offset"] + 4 * layer["count"]
    original = b"".join([*pieces, rest[taken:]])
    if hashlib.sha256(original).hexdigest() != manifest["sha256"]:
        raise ValueError("what was unpacked is not what was packed")
    return original


def _weights(model: Path) -> list[bytes]:
    """The stored bytes of every large float32 tensor, in the order of the file."""
    import onnx

    tensors = onnx.load(model, load_external_data=False).graph.initializer
    floats = [tensor.raw_data for tensor in tensors if tensor.data_type == onnx.TensorProto.FLOAT]
    return [raw for raw in floats if len(raw) >= 4 * _FEWEST_WEIGHTS]


def _shared(raw: bytes) -> tuple[dict[str, int], bytes] | None:
    """Description and packed form of float32 weights; None where too many are different to gain by it."""
    import numpy as np

    # As bit patterns: -0.0 is not 0.0 and a NaN has to come back as the one that it was.
    weights = np.frombuffer(raw, "<u4")
    book, counts = np.unique(weights, return_counts=True)
    if len(book) > min(_MOST_VALUES, len(weights) // 2):
        return None
    most_frequent_first = np.argsort(-counts, kind="stable")
    rank = np.argsort(most_frequent_first).astype(np.uint8)
    codes = rank[np.searchsorted(book, weights)]
    others = codes != 0
    forms = [
        (b"", *_packed(codes, len(book))),
        (_packed(others.astype(np.uint8), 2)[1], *_packed(codes[others] - 1, len(book) - 1)),
    ]
    mask, bits, stream = min(forms, key=lambda form: len(form[0]) + len(form[2]))
    described = {"count": len(weights), "values": len(book), "bits": bits, "mask": len(mask), "codes": len(stream)}
    return described, book[most_frequent_first].tobytes() + mask + stream


def _packed(codes: NDArray[np.uint8], n_values: int) -> tuple[int, bytes]:
    """Bits that a code takes (1, 2, 4 or 8, for whole codes in a byte), and `[n]` codes as they are stored."""
    import numpy as np

    bits = next(bits for bits in (1, 2, 4, 8) if n_values <= 1 << bits)
    per_byte = 8 // bits
    rows = np.pad(codes, (0, -len(codes) % per_byte)).reshape(-1, per_byte)
    joined = np.bitwise_or.reduce(rows << np.arange(0, 8, bits, dtype=np.uint8), axis=1).tobytes()
    streams = []
    for strategy in (zlib.Z_HUFFMAN_ONLY, zlib.Z_DEFAULT_STRATEGY):
        compressor = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, strategy)
        streams.append(compressor.compress(joined) + compressor.flush())
    return bits, min(streams, key=len)
