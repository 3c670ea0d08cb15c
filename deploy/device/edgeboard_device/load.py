"""How many processors something else kept busy while we timed: a time that was shared is told, not hidden."""

import os
import time

from .files import text_of


class OtherLoad:
    """cores: how many others used since it was made, at least 0; None where Linux does not say. root: where /proc is."""

    def __init__(self, root="/"):
        self._root = root
        self._before = self._seconds()

    def cores(self):
        now = self._seconds()
        if now is None or self._before is None or now[0] <= self._before[0]:
            return None
        passed, busy, own = (new - old for new, old in zip(now, self._before))
        return max(0.0, (busy - own) / passed)

    def _seconds(self):
        """Passed, busy on all processors together, and of that ours with the children that have ended."""
        words = (text_of(os.path.join(self._root, "proc/stat")) or "").split("\n")[0].split()
        if len(words) < 9 or words[0] != "cpu":
            return None
        # user, nice, system, idle, iowait, irq, softirq, steal; a guest's time is within user time already.
        ticks = [int(word) for word in words[1:9]]
        busy = (sum(ticks) - ticks[3] - ticks[4]) / float(os.sysconf("SC_CLK_TCK"))
        return time.monotonic(), busy, sum(os.times()[:4])
