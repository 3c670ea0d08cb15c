"""Outputs of a two-stage detector: rows, of which the last four numbers are the place that the row speaks of.

In two engines, which round otherwise, neighbours in the order of the proposals change places, and the last of them may
be others: row for row two equal answers look wholly different.
"""

SAME = 0.02  # corners of the same proposal are less apart, in fractions of the frame's side


def of_the_same(pairs, row):
    """pairs: (answer, wanted) of each frame, flat, `row` numbers for each proposal.

    Gives the pairs again with those rows only that both have, in the order of the wanted ones, and the share of wanted
    rows that were left out.
    """
    kept, n_left_out, n_all = [], 0, 0
    for answer, wanted in pairs:
        theirs, ours = _rows(answer, row), _rows(wanted, row)
        found = [(min(theirs, key=lambda one: _apart(one, mine)), mine) for mine in ours]
        same = [(other, mine) for other, mine in found if _apart(other, mine) < SAME]
        n_all += len(ours)
        n_left_out += len(ours) - len(same)
        kept.append(tuple([value for one in rows for value in one] for rows in zip(*same)) or ([0.0], [0.0]))
    return kept, n_left_out / float(max(n_all, 1))


def _rows(values, row):
    return [values[i : i + row] for i in range(0, len(values), row)]


def _apart(one, other):
    return max(abs(a - b) for a, b in zip(one[-4:], other[-4:]))
