"""From a picture to the embedding of its face on a board, by the files of a bundle: no PyTorch, nothing is sent.

Needs numpy, onnxruntime and, for files, Pillow or OpenCV; keeps to the syntax of Python 3.6. It lies in the folder
decode/ of a bundle, beside the modules it drives, and does what `python -m stages.faces who` does where the bundle was
made: the same finder, the same choice among faces, the same crop.
"""

import json
import os

import numpy as np
from face_alignment import align_crop
from face_choosing import choose_face
from face_finder import find_faces, in_batches


class ReaderError(Exception):
    """Bad input: what, and what to do, in one line."""


class FaceReader:
    """bundle: folder of an unpacked bundle, or of a release on the board; variant: whose network embeds."""

    def __init__(self, bundle, variant):
        manifest = _read_json(bundle, "manifest.json")
        models = {one["name"]: one["models"].get("onnxruntime") for one in manifest["variants"]}
        if not models.get(variant):
            known = ", ".join(name for name, model in models.items() if model)
            raise ReaderError("there is no variant %s; there are: %s" % (variant, known))
        described = _read_json(bundle, "finder", "face_finder.json")
        runs = []
        for name in ("pnet", "rnet", "onet"):
            network = described["networks"][name]
            run = _open(os.path.join(bundle, "finder", network["file"]))
            runs.append(in_batches(run, network["input_shape"][0]))
        crop = described["crop"]
        self._find = lambda frame: find_faces([frame], described["finder"], *runs)[0]
        self._cut = {name: crop[name] for name in ("size", "margin")}
        self._choice = {name: value for name, value in crop.items() if name not in self._cut}
        self._frame_size = manifest["frame_size"]
        mean, std = (np.array(manifest["normalise"][name], np.float32) for name in ("mean_rgb", "std_rgb"))
        self._scale, self._shift = 1 / (255 * std), -mean / std
        model = models[variant]
        self._embed = _open(os.path.join(bundle, *model["file"].split("/")))
        self.model_sha256 = model["sha256"]
        # None where names and embeddings of people were left out of the bundle.
        self.gallery = os.path.join(bundle, *model["gallery"].split("/")) if "gallery" in model else None
        self.max_side = described["max_side"]

    def embedding(self, frame):
        """([D], "") of the one clear face in a frame, uint8 RGB [h, w, 3]; (None, the reason) without one."""
        face, reason = choose_face(self._find(frame), frame.shape[:2], **self._choice)
        if face is None:
            return None, reason
        crop = resized(align_crop(frame, face.landmarks_xy, **self._cut), self._frame_size)
        pixels = crop.astype(np.float32) * self._scale + self._shift
        return self._embed(np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]))[0], ""


def read_picture(path, max_side):
    """uint8 RGB [h, w, 3], upright, its longer side at most max_side. Raises ReaderError.

    Pillow reads it as the host does; OpenCV, which JetPack brings, shrinks a large picture a little otherwise.
    """
    if not os.path.isfile(path):
        raise ReaderError("there is no such file: %s" % path)
    for read in (_by_pillow, _by_opencv):
        try:
            return read(path, max_side)
        except ImportError:
            continue
    raise ReaderError("nothing here reads pictures: python3 -m pip install --user pillow")


def resized(image, size):
    """uint8 [h, w, 3] to [size, size, 3], as the host's OpenCV does it up to rounding: areas are averaged from half the
    size on, above that linear interpolation."""
    height, width = image.shape[:2]
    if (height, width) == (size, size):
        return image
    weights = _area_weights if min(height, width) >= 2 * size else _linear_weights
    values = np.tensordot(weights(height, size), image.astype(np.float64), (1, 0))
    values = np.tensordot(values, weights(width, size), (1, 1)).transpose(0, 2, 1)
    return np.floor(values + 0.5).astype(np.uint8)


def _area_weights(n_in, n_out):
    """[n_out, n_in]: the part of each pixel in the mean that a pixel of the result is."""
    edges = np.arange(n_out + 1) * (n_in / float(n_out))
    at = np.arange(n_in)
    shared = np.minimum(edges[1:, None], at + 1) - np.maximum(edges[:-1, None], at)
    return np.clip(shared, 0, None) * (n_out / float(n_in))


def _linear_weights(n_in, n_out):
    places = np.clip((np.arange(n_out) + 0.5) * (n_in / float(n_out)) - 0.5, 0, n_in - 1)
    return np.clip(1 - np.abs(places[:, None] - np.arange(n_in)), 0, None)


def _by_pillow(path, max_side):
    from PIL import Image, ImageOps

    if not hasattr(ImageOps, "exif_transpose"):  # before 6.0; pictures of phones would lie on their side
        raise ImportError
    try:
        image = Image.open(path)
        if max_side:
            image.draft(None, (max_side, max_side))  # a JPEG far too large is decoded at half or a quarter
        image = ImageOps.exif_transpose(image)
        if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
            seen = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", seen.size, (255, 255, 255, 255)), seen)
        image = image.convert("RGB")
        longer = max(image.size)
        if max_side and longer > max_side:
            size = [max(1, int(round(side * max_side / float(longer)))) for side in image.size]
            image = image.resize(size, Image.LANCZOS)
        return np.array(image)
    except Exception as error:  # decoders of damaged files raise nearly anything
        raise ReaderError("cannot be read: %s" % type(error).__name__)


def _by_opencv(path, max_side):
    import cv2

    image = cv2.imread(path, cv2.IMREAD_COLOR)
    if image is None:
        raise ReaderError("cannot be read as a picture")
    longer = max(image.shape[:2])
    if max_side and longer > max_side:
        height, width = (max(1, int(round(side * max_side / float(longer)))) for side in image.shape[:2])
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image[:, :, ::-1])


def _open(path):
    """The network of an ONNX file as a function of one array."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # it raises a dozen classes of its own
        raise ReaderError("ONNX Runtime %s cannot open %s: %s" % (onnxruntime.__version__, path, error))
    name = session.get_inputs()[0].name
    return lambda array: session.run(None, {name: array})[0]


def _read_json(bundle, *names):
    path = os.path.join(bundle, *names)
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        raise ReaderError("no bundle of faces lies there, or it is damaged: %s" % path)
