"""Are the outputs on the board those that the host expects? Asked before any time is taken.

Engines round differently: the tolerance belongs to the precision, and a class may only change where it was a tie within
it. Numbers, thresholds and what they rest on stand in the result.
"""

import array
import math

from . import proposals

# Root mean square of the differences over that of the expected outputs. fp16 has 11 bits; between two engines, int8
# differs by whole steps of its scales wherever they round apart.
TOLERANCE = {"fp32": 0.001, "fp16": 0.05, "int8": 0.3}
# A two-stage detector chooses its proposals by logits: of equals another engine may choose others.
OTHER_PROPOSALS = {"fp32": 0.05, "fp16": 0.1, "int8": 0.3}


def read_floats(path):
    values = array.array("f")
    with open(path, "rb") as file:
        values.frombytes(file.read())
    return values.tolist()


def compare(answers, expected, precision, outputs, row=None):
    """answers, expected: for each frame the flat outputs, which are "logits", "heads", "proposals" or an "embedding".

    row: of "proposals", how many numbers each has; see `proposals`.
    Gives a dict for the result, with `passed` and, where that is False, `words`.
    """
    tolerance = TOLERANCE[precision]
    pairs = list(zip(answers, expected))
    result = {"n": len(pairs), "tolerance": tolerance, "passed": False}
    for answer, wanted in pairs:
        if len(answer) != len(wanted):
            result["words"] = "%d output values in place of %d" % (len(answer), len(wanted))
            return result
        if not all(math.isfinite(value) for value in answer):
            result["words"] = "NaN or infinite outputs: %s overflows" % precision
            return result
    if outputs == "proposals":
        pairs, others = proposals.of_the_same(pairs, row)
        result["other_proposals"] = others
        if others > OTHER_PROPOSALS[precision]:
            result["words"] = "%.0f %% of the proposals are others; allowed for %s: %.0f %%" % (
                100 * others, precision, 100 * OTHER_PROPOSALS[precision],
            )  # fmt: skip
            return result
    differences = [_relative_difference(answer, wanted) for answer, wanted in pairs]
    result["rms_relative"] = max(differences)
    same = [_largest(answer) == _largest(wanted) for answer, wanted in pairs]
    if outputs == "logits":
        result["agreement"] = sum(same) / float(len(same))
    if max(differences) > tolerance:
        result["words"] = "outputs differ by %.2g of their size; allowed for %s: %g" % (
            max(differences), precision, tolerance,
        )  # fmt: skip
        return result
    if outputs == "logits":
        clear = [not ok and _margin(wanted) > tolerance * _rms(wanted) for ok, (_, wanted) in zip(same, pairs)]
        if any(clear):
            result["words"] = "another class on %d of %d frames" % (sum(clear), len(pairs))
            return result
    result["passed"] = True
    return result


def _relative_difference(answer, wanted):
    difference = math.sqrt(sum((a - w) ** 2 for a, w in zip(answer, wanted)) / len(wanted))
    return difference / max(_rms(wanted), 1e-12)


def _rms(values):
    return math.sqrt(sum(value * value for value in values) / len(values))


def _largest(values):
    return max(range(len(values)), key=values.__getitem__)


def _margin(values):
    first, second = sorted(values)[-1:-3:-1] if len(values) > 1 else (math.inf, 0.0)
    return first - second
