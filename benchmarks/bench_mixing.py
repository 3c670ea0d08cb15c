"""Mixing objects onto backgrounds against a plain Pillow script and against the bare JPEG encoding of the same images.

    python benchmarks/bench_mixing.py [folder with objects/ and backgrounds/] [--rounds 9] [--images 60]

Without a folder: drawn objects and backgrounds. One core, everything in memory; every round times all three in turn,
and the ratios are those of the rounds: median, lowest and highest. Then the memory of a fresh process that makes a
data folder of few and of many images.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageChops, ImageEnhance, ImageFilter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pipeline.data.mixing.compose import Mixer
from pipeline.data.mixing.cutouts import SOLID
from pipeline.data.mixing.folder_sources import read_folder_sources
from pipeline.data.mixing.origins import PoolPlan, SplitPool, plan_drawn_pools
from pipeline.data.mixing.pool import open_pool, pack_pools
from pipeline.detection_data_options import DetectionData, Mixing, PoolSizes

BACKGROUNDS = 24


class PillowMixer:
    """What one writes first: for each image open the files, scale, turn, colour, paste, blur, add noise, save.

    Its files are PNG and JPEG in memory, so that no disk is timed. Number of objects and distractors, sizes, angles,
    colour, feathering, blur, noise and JPEG quality are drawn as for ours; occlusion and Poisson seams are left out,
    and nothing is checked for overlap, which spares it work.
    """

    def __init__(self, pool: SplitPool, options: Mixing) -> None:
        self.objects = {name: [_file(o.read()) for o in found] for name, found in pool.objects.items()}
        self.distractors = [_file(o.read()) for o in pool.distractors]
        self.backgrounds = [_file(o.read()) for o in pool.backgrounds]
        self.options = options

    def encoded(self, number: int) -> bytes:
        options, draw = self.options, random.Random(number)
        image = Image.open(io.BytesIO(draw.choice(self.backgrounds))).convert("RGB")
        factor = 1.3 * max(options.width / image.width, options.height / image.height)
        image = image.resize((round(image.width * factor) + 1, round(image.height * factor) + 1), Image.BILINEAR)
        left, top = draw.randint(0, image.width - options.width), draw.randint(0, image.height - options.height)
        image = image.crop((left, top, left + options.width, top + options.height))
        if draw.random() < options.flip:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if draw.random() < 0.5:
            image = ImageEnhance.Brightness(image).enhance(1 + draw.uniform(-1, 1) * options.brightness)
        cast = []
        if draw.random() >= options.empty:
            for _ in range(draw.randint(options.objects.min, options.objects.max)):
                cast.append(draw.choice(self.objects[draw.choice(list(self.objects))]))
        for _ in range(draw.randint(options.distractors.min, options.distractors.max) if self.distractors else 0):
            cast.append(draw.choice(self.distractors))
        boxes = []
        for content in cast:
            boxes.append(self._paste(image, Image.open(io.BytesIO(content)).convert("RGBA"), draw))
        if draw.random() < options.blurred:
            image = image.filter(ImageFilter.GaussianBlur(options.blur * draw.uniform(0.4, 1)))
        if draw.random() < options.noisy:
            sigma = options.noise * draw.random()
            noise = np.random.default_rng(number).normal(0, sigma, (options.height, options.width, 3))
            image = Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))
        file = io.BytesIO()
        image.save(file, "JPEG", quality=draw.randint(options.jpeg_quality.min, options.jpeg_quality.max))
        return file.getvalue()

    def _paste(self, image: Image.Image, cut: Image.Image, draw: random.Random) -> tuple[int, int, int, int] | None:
        options = self.options
        scale = options.scale.min * (options.scale.max / options.scale.min) ** draw.random()
        factor = scale * min(options.width, options.height) / max(cut.size)
        cut = cut.resize((max(1, round(cut.width * factor)), max(1, round(cut.height * factor))), Image.LANCZOS)
        if draw.random() < options.flip:
            cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        cut = cut.rotate(draw.uniform(-1, 1) * options.rotation, Image.BICUBIC, expand=True)
        alpha = cut.getchannel("A")
        colour = cut.convert("RGB")
        colour = ImageEnhance.Color(colour).enhance(1 + draw.uniform(-1, 1) * options.saturation)
        colour = ImageEnhance.Brightness(colour).enhance(1 + draw.uniform(-1, 1) * options.brightness)
        colour = ImageEnhance.Contrast(colour).enhance(1 + draw.uniform(-1, 1) * options.contrast)
        if draw.random() < options.seams.feather / (options.seams.feather + options.seams.none + options.seams.poisson):
            alpha = ImageChops.darker(alpha, alpha.filter(ImageFilter.GaussianBlur(1)))
        left = draw.randint(0, max(0, image.width - cut.width))
        top = draw.randint(0, max(0, image.height - cut.height))
        image.paste(colour, (left, top), alpha)
        return alpha.point(lambda value: 255 * (value >= SOLID)).getbbox()


def _file(pixels_bgr: np.ndarray) -> bytes:
    """PNG for what has alpha, else JPEG."""
    kind = ".png" if pixels_bgr.shape[2] == 4 else ".jpg"
    return cv2.imencode(kind, np.ascontiguousarray(pixels_bgr))[1].tobytes()


def main() -> None:
    parser = argparse.ArgumentParser(description="Images per second of the mixer, of plain Pillow and of JPEG alone.")
    parser.add_argument("source", nargs="?", type=Path, help="a folder with objects/ and backgrounds/")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--images", type=int, default=60, help="of each round")
    parser.add_argument("--few", type=int, default=100, help="images of the small run whose memory is measured")
    parser.add_argument("--many", type=int, default=3000, help="images of the large one")
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.memory_of:
        print(json.dumps(_make_folder(given.source, given.memory_of)))
        return
    cv2.setNumThreads(1)
    pool, options = _plan(given.source).splits["train"], Mixing()
    with tempfile.TemporaryDirectory() as folder:
        largest_px = round(options.scale.max * min(options.width, options.height))
        pack_pools(
            Path(folder), PoolPlan(list(pool.objects), {"train": pool}), options.width, options.height, largest_px, 1
        )
        _compare(Mixer(open_pool(Path(folder), "train"), options, 7, "train"), PillowMixer(pool, options), given)
    for count in (given.few, given.many):
        command = [sys.executable, __file__, *([str(given.source)] if given.source else []), "--memory-of", str(count)]
        told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
        print(f"{count:>7} images into a folder: {told['peak_mb']:.0f} MB at most, {told['per_second']:.0f} images/s")


def _compare(mixer: Mixer, pillow: PillowMixer, given: argparse.Namespace) -> None:
    options = mixer.options
    ours: list[float] = []
    floor: list[float] = []
    plain: list[float] = []
    for at in range(-1, given.rounds):
        numbers = range((at + 1) * given.images, (at + 2) * given.images)
        mixes = [mixer.mix(number) for number in numbers]
        # Each at the very quality that the mixer draws next for it.
        limits = options.jpeg_quality
        pairs = [(mixed.image_bgr, mixed.draw.randint(limits.min, limits.max)) for mixed in mixes]
        took = (
            _seconds(lambda numbers=numbers: [mixer.encoded(number)[0] for number in numbers]),
            _seconds(lambda pairs=pairs: [cv2.imencode(".jpg", i, [cv2.IMWRITE_JPEG_QUALITY, q]) for i, q in pairs]),
            _seconds(lambda numbers=numbers: [pillow.encoded(number) for number in numbers]),
        )
        if at >= 0:  # the first round warms up
            for times, seconds in zip((ours, floor, plain), took, strict=True):
                times.append(seconds)
    for name, times in (("ours", ours), ("bare JPEG", floor), ("plain Pillow", plain)):
        rates = sorted(given.images / seconds for seconds in times)
        print(f"{name:>13}: {statistics.median(rates):7.0f} images/s on one core ({rates[0]:.0f} to {rates[-1]:.0f})")
    _print_ratio("of the rate of bare JPEG", [f / o for f, o in zip(floor, ours, strict=True)])
    _print_ratio("times the rate of plain Pillow", [p / o for p, o in zip(plain, ours, strict=True)])


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _print_ratio(what: str, ratios: list[float]) -> None:
    low, high = min(ratios), max(ratios)
    print(f"         ours: {statistics.median(ratios):.2f} {what} ({low:.2f} to {high:.2f} in {len(ratios)} rounds)")


def _plan(source: Path | None) -> PoolPlan:
    if source is not None:
        return read_folder_sources(source, DetectionData(source=str(source)), 7, "source", 1).plan
    from pipeline.data.sprites import CLASS_NAMES, DISTRACTOR_NAMES

    sizes = PoolSizes(train=math.ceil(BACKGROUNDS / 1.5), val=1, test=1)
    return plan_drawn_pools(7, sizes, list(CLASS_NAMES), list(DISTRACTOR_NAMES))


def _make_folder(source: Path | None, count: int) -> dict[str, float]:
    """Make a data folder in this process alone; its peak of resident memory and its images per second."""
    import resource

    from pipeline.data.suspect import generate_suspect

    values = {"count": {"train": count, "val": 1, "test": 1}, "pool": {"train": 2, "val": 1, "test": 1}}
    params = DetectionData.model_validate({**values, "source": str(source) if source else "synthetic"})
    began: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        generate_suspect(
            params, 7, Path(folder) / "out", workers=1, progress=lambda *_: began.append(time.perf_counter())
        )
        rate = (count - 16) / max(1e-9, began[-1] - began[0])
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, "per_second": rate}


if __name__ == "__main__":
    main()
