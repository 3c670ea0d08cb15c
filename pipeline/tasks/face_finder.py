"""Where the faces of a frame are, by MTCNN's three small networks and numpy: one driver for host and board.

MTCNN: Zhang et al. 2016, arXiv:1604.02878. The networks and their weights are facenet-pytorch's, and so are the rules
between them (thresholds, suppression, how boxes are refined and cut), to the pixel.

This file is copied to the board, so it needs numpy alone and keeps to the syntax of Python 3.6. It knows nothing of an
engine: the networks come as three functions, each from one array to one array. TensorRT wants shapes that never change,
so the whole pyramid of shrunk frames lies side by side in one *mosaic*, whatever the size of the frame:

    run_pnet   float32 [n, 3, H, W] mosaics      -> [n, 5, H/2 - 5, W/2 - 5]: probability of a face, four box numbers
    run_rnet   float32 [n, 3, 24, 24] candidates -> [n, 5]: the same
    run_onet   float32 [n, 3, 48, 48] candidates -> [n, 15]: the same, then x of five landmarks, then y of them

`in_batches` makes such a function of an engine whose batch is fixed. A *finder* says the rest, as data:

    mosaic_hw        H, W
    tiles            [side, top, left] of each level of the pyramid in the mosaic, largest first; all even
    thresholds       probability from which on a candidate passes each of the three networks
    most_candidates  so many of the best of the first network are looked at by the second
    working_side     a frame whose longer side is at least twice as long is first shrunk by a whole factor
"""

from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

Run = Callable[[np.ndarray], np.ndarray]

# What the first network sees at a time, and the step between two such windows.
_WINDOW, _STEP = 12, 2
# From one level of the pyramid to the next: half the area, as in the paper's code.
_FACTOR = 0.709
_PROPOSALS = 400  # of each frame at most so many go into the suppression


class Face(NamedTuple):
    """box_xyxy: float32 [4]; landmarks_xy: float32 [5, 2], left eye (in the frame), right eye, nose, left and right
    corner of the mouth, all in pixels of the frame and possibly beyond its border; probability: in [0, 1]."""

    box_xyxy: np.ndarray
    probability: float
    landmarks_xy: np.ndarray


def plan_finder(
    min_face: float = 0.1, thresholds: Sequence[float] = (0.6, 0.7, 0.7), most_candidates: int = 64
) -> Dict[str, Any]:
    """A finder for faces whose side is at least `min_face` of the frame's longer side, 0 < min_face <= 1."""
    if not 0 < min_face <= 1:
        raise ValueError("min_face must be above 0 and at most 1, not %r" % (min_face,))
    sides = []  # type: List[int]
    side = _WINDOW / min_face
    while side >= _WINDOW - 1e-6:
        # A window never straddles two neighbours where all sides and places are multiples of its step.
        sides.append(_STEP * int(round(side / _STEP)))
        side *= _FACTOR
    tiles, columns = [], []  # type: List[List[int]], List[List[int]]
    for side in sides:
        column = next((c for c in columns if c[1] + side <= sides[0]), None)
        if column is None:
            column = [sum(other[2] for other in columns), 0, side]
            columns.append(column)
        tiles.append([side, column[1], column[0]])
        column[1] += side
    return {
        "mosaic_hw": [sides[0], sum(column[2] for column in columns)],
        "tiles": tiles,
        "thresholds": [float(value) for value in thresholds],
        "most_candidates": int(most_candidates),
        "working_side": 480,
    }


def in_batches(run: Run, size: int) -> Run:
    """`run`, which takes exactly `size` items, as a function of any number of them: the last batch is filled up."""

    def run_all(items: np.ndarray) -> np.ndarray:
        answers = []
        for start in range(0, len(items), size):
            batch = items[start : start + size]
            if len(batch) < size:
                batch = np.concatenate([batch, np.zeros((size - len(batch),) + items.shape[1:], items.dtype)])
            answers.append(run(batch)[: len(items) - start])
        return np.concatenate(answers)

    return run_all


def find_faces(
    frames: Sequence[np.ndarray], finder: Dict[str, Any], run_pnet: Run, run_rnet: Run, run_onet: Run
) -> List[List[Face]]:
    """The faces of each frame, largest first. frames: uint8 RGB [h, w, 3], of any sizes."""
    factors = [max(1, max(frame.shape[:2]) // finder["working_side"]) for frame in frames]
    sums = [_summed(_shrunk(frame, factor)) for frame, factor in zip(frames, factors)]
    if not sums:
        return []
    maps = run_pnet(np.stack([make_mosaic(table, finder) for table in sums]))
    boxes = [_propose(answer, table, finder) for answer, table in zip(maps, sums)]
    boxes = [box[_inside(box, table)] for box, table in zip(boxes, sums)]
    answers = _judge(run_rnet, sums, boxes, 24)
    boxes = [_refine(box, answer, finder["thresholds"][1]) for box, answer in zip(boxes, answers)]
    boxes = [box[_inside(box, table)] for box, table in zip(boxes, sums)]
    answers = _judge(run_onet, sums, boxes, 48)
    return [
        _faces(box, answer, finder["thresholds"][2], factor) for box, answer, factor in zip(boxes, answers, factors)
    ]


def make_mosaic(sums: np.ndarray, finder: Dict[str, Any]) -> np.ndarray:
    """`[3, H, W]`: the frame of a table of sums at every size of the pyramid, in about -1..1; 0 where nothing is."""
    height, width = finder["mosaic_hw"]
    mosaic = np.zeros((height, width, 3), dtype=np.float32)
    for side, top, left in finder["tiles"]:
        rows, columns = _filled(sums, side)
        whole = np.array([[0, 0, sums.shape[1] - 1, sums.shape[0] - 1]])
        mosaic[top : top + rows, left : left + columns] = _averages(sums, whole, rows, columns)[0]
    return mosaic.transpose(2, 0, 1)


def _shrunk(frame: np.ndarray, factor: int) -> np.ndarray:
    """The mean of every `factor` x `factor` pixels; what is left over on the right and below is dropped."""
    if factor == 1:
        return frame
    height, width = frame.shape[0] // factor, frame.shape[1] // factor
    total = np.zeros((height, width, 3), dtype=np.uint32)
    for y in range(factor):
        for x in range(factor):
            total += frame[y : height * factor : factor, x : width * factor : factor]
    return (2 * total + factor * factor) // (2 * factor * factor)


def _summed(frame: np.ndarray) -> np.ndarray:
    """uint32 `[h + 1, w + 1, 3]`: the sum of all pixels above and left of a place, from which the mean of any
    rectangle is four look-ups (Crow 1984, doi:10.1145/800031.808600). Overflow is harmless in their difference."""
    sums = np.zeros((frame.shape[0] + 1, frame.shape[1] + 1, 3), dtype=np.uint32)
    np.cumsum(frame, axis=0, dtype=np.uint32, out=sums[1:, 1:])
    np.cumsum(sums[1:, 1:], axis=1, out=sums[1:, 1:])
    return sums


def _filled(sums: np.ndarray, side: int) -> Tuple[int, int]:
    """Rows and columns that the frame fills of a tile: its longer side fills it, the shorter keeps the proportion."""
    height, width = sums.shape[0] - 1, sums.shape[1] - 1
    longer = max(height, width)
    return max(1, int(round(side * height / longer))), max(1, int(round(side * width / longer)))


def _averages(sums: np.ndarray, corners_n4: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """`[n, rows, columns, 3]` in about -1..1: rectangles of whole pixels (x0, y0, x1, y1), each shrunk or enlarged to
    rows x columns. The borders of a cell are rounded outwards, as PyTorch's "area" interpolation does it."""
    x0, y0, x1, y1 = (values[:, None] for values in corners_n4.astype(np.int64).T)
    at = np.arange(columns)
    left, right = x0 + at * (x1 - x0) // columns, x0 - (at + 1) * (x0 - x1) // columns
    at = np.arange(rows)
    above, below = y0 + at * (y1 - y0) // rows, y0 - (at + 1) * (y0 - y1) // rows
    above, below, left, right = above[:, :, None], below[:, :, None], left[:, None], right[:, None]
    total = sums[below, right] - sums[above, right] - sums[below, left] + sums[above, left]
    area = ((below - above) * (right - left)).astype(np.float32)
    return (total.astype(np.float32) / area[..., None] - np.float32(127.5)) * np.float32(1 / 128)


def _propose(answer: np.ndarray, sums: np.ndarray, finder: Dict[str, Any]) -> np.ndarray:
    """`[n, 4]` square candidates of one frame in the answer `[5, ...]` of the first network to its mosaic."""
    height, width = sums.shape[0] - 1, sums.shape[1] - 1
    found = []
    for level, (side, top, left) in enumerate(finder["tiles"]):
        rows, columns = _filled(sums, side)
        # Windows that reach over the frame's odd last row or column see one line of nothing.
        cells = [max(0, (filled + 1 - _WINDOW) // _STEP + 1) for filled in (rows, columns)]
        cells = [min(count, (side - _WINDOW) // _STEP + 1) for count in cells]
        part = answer[:, top // _STEP : top // _STEP + cells[0], left // _STEP : left // _STEP + cells[1]]
        ys, xs = np.nonzero(part[0] >= finder["thresholds"][0])
        starts = np.stack([xs, ys, xs, ys], axis=1) * _STEP + np.array([1, 1, _WINDOW, _WINDOW])
        corners = np.floor(starts * np.array([width / columns, height / rows] * 2))
        found.append(np.concatenate([corners, part[:, ys, xs].T, np.full((len(ys), 1), level)], axis=1))
    table = np.concatenate(found)
    table = table[np.argsort(-table[:, 4], kind="stable")][:_PROPOSALS]
    overlap = _overlaps(table[:, :4])
    kept = _suppress(overlap * (table[:, 9, None] == table[None, :, 9]), 0.5)
    kept = kept[_suppress(overlap[kept][:, kept], 0.7)][: finder["most_candidates"]]
    corners, numbers = table[kept, :4], table[kept, 5:9]
    return _squared(corners + numbers * np.tile(corners[:, 2:] - corners[:, :2], 2))


def _corners(boxes_n4: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Whole pixels of boxes whose first row and column count as 1, cut off at the frame's border."""
    height, width = sums.shape[0] - 1, sums.shape[1] - 1
    corners = np.trunc(boxes_n4).astype(np.int64)
    low = np.maximum(corners[:, :2], 1) - 1
    return np.concatenate([low, np.minimum(corners[:, 2:], [width, height])], axis=1)


def _inside(boxes_n4: np.ndarray, sums: np.ndarray) -> np.ndarray:
    corners = _corners(boxes_n4, sums)
    return np.logical_and.reduce(corners[:, 2:] > corners[:, :2], axis=1)


def _judge(run: Run, sums: List[np.ndarray], boxes: List[np.ndarray], side: int) -> List[np.ndarray]:
    """What a network says of the candidates of every frame: all of them in one call."""
    counts = [len(box) for box in boxes]
    if not sum(counts):
        return [np.zeros((0, 15), dtype=np.float32) for _ in boxes]
    cut = [_averages(table, _corners(box, table), side, side) for table, box in zip(sums, boxes) if len(box)]
    answers = run(np.ascontiguousarray(np.concatenate(cut).transpose(0, 3, 1, 2)))
    return np.split(answers.astype(np.float64), np.cumsum(counts)[:-1])


def _refine(boxes_n4: np.ndarray, answers: np.ndarray, threshold: float) -> np.ndarray:
    boxes, answers = _best_first(boxes_n4, answers, threshold)
    kept = _suppress(_overlaps(boxes), 0.7)
    return _squared(_moved(boxes[kept], answers[kept]))


def _faces(boxes_n4: np.ndarray, answers: np.ndarray, threshold: float, factor: int) -> List[Face]:
    boxes, answers = _best_first(boxes_n4, answers, threshold)
    sizes = boxes[:, 2:] - boxes[:, :2] + 1
    landmarks = answers[:, 5:].reshape(-1, 2, 5).transpose(0, 2, 1) * sizes[:, None] + boxes[:, None, :2] - 1
    boxes = _moved(boxes, answers)
    kept = _suppress(_overlaps(boxes, 1, of_smaller=True), 0.7)
    areas = (boxes[kept, 2] - boxes[kept, 0]) * (boxes[kept, 3] - boxes[kept, 1])
    # In a shrunk frame a pixel's centre lies amid those that it stands for.
    shift = 0.5 * (factor - 1)
    return [
        Face((boxes[i] * factor + shift).astype(np.float32), float(answers[i, 0]),
             (landmarks[i] * factor + shift).astype(np.float32))
        for i in kept[np.argsort(-areas, kind="stable")]
    ]  # fmt: skip


def _best_first(boxes_n4: np.ndarray, answers: np.ndarray, threshold: float) -> Tuple[np.ndarray, np.ndarray]:
    passed = np.flatnonzero(answers[:, 0] > threshold)
    order = passed[np.argsort(-answers[passed, 0], kind="stable")]
    return boxes_n4[order], answers[order]


def _moved(boxes_n4: np.ndarray, answers: np.ndarray) -> np.ndarray:
    return boxes_n4 + answers[:, 1:5] * np.tile(boxes_n4[:, 2:] - boxes_n4[:, :2] + 1, 2)


def _squared(boxes_n4: np.ndarray) -> np.ndarray:
    """Boxes enlarged to squares about their centres."""
    sizes = boxes_n4[:, 2:] - boxes_n4[:, :2]
    longer = sizes.max(axis=1, keepdims=True)
    low = boxes_n4[:, :2] + 0.5 * (sizes - longer)
    return np.concatenate([low, low + longer], axis=1)


def _overlaps(boxes_n4: np.ndarray, pixel: int = 0, of_smaller: bool = False) -> np.ndarray:
    """`[n, n]`: intersection over union, or over the smaller of the two; `pixel` is added to every width and height."""
    low = np.maximum(boxes_n4[:, None, :2], boxes_n4[None, :, :2])
    high = np.minimum(boxes_n4[:, None, 2:], boxes_n4[None, :, 2:])
    shared = np.clip(high - low + pixel, 0, None).prod(axis=2)
    areas = (boxes_n4[:, 2:] - boxes_n4[:, :2] + pixel).prod(axis=1)
    whole = np.minimum(areas[:, None], areas[None]) if of_smaller else areas[:, None] + areas[None] - shared
    return shared / np.maximum(whole, 1e-9)


def _suppress(overlaps_nn: np.ndarray, most: float) -> np.ndarray:
    """Indices that stay, of boxes sorted best first: each drops those after it that it overlaps by more than `most`."""
    drops = overlaps_nn > most
    alive = np.ones(len(drops), dtype=bool)
    for i in range(len(drops)):
        if alive[i]:
            alive[i + 1 :] &= ~drops[i, i + 1 :]
    return np.flatnonzero(alive)
