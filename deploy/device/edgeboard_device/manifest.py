"""What a bundle says of itself: its models, frames and expected outputs."""

import os

from .compare import read_floats
from .files import DeviceError, read_json

FORMAT = "edgeboard bundle 1"
BASELINE = "baseline"
SELF_CHECK = "(self-check)"  # the baseline's file a second time: how far two equal things seem apart on this board


class Bundle:
    """A bundle unpacked in `folder`."""

    def __init__(self, folder):
        self.folder = folder
        path = os.path.join(folder, "manifest.json")
        try:
            self.manifest = read_json(path)
        except (OSError, ValueError) as error:
            raise DeviceError("The bundle has no manifest that can be read: %s" % error, "push it anew")
        if self.manifest.get("format") != FORMAT:
            raise DeviceError("The bundle is of another version: %r; this program reads %r"
                              % (self.manifest.get("format"), FORMAT), "push it with the same Edgeboard")  # fmt: skip
        self.task = self.manifest["task"]
        self.outputs = self.manifest["outputs"]

    def frames(self, model):
        return [self._path(name) for name in model.get("frames", self.manifest["frames"]["files"])]

    def expected(self, model):
        return [read_floats(self._path(name)) for name in model["expected"]]

    def further_forms(self):
        """Names of other forms than the one that is compared, such as whole clips beside a live stream."""
        return sorted({form for variant in self.manifest["variants"] for form in variant.get("further", {})})

    def models(self, engine, form=None):
        """One for each variant that has a file for the engine, and the baseline's once more to be timed against itself.

        path, sha256, precision, input (name of the input tensor), expected; variant; form, where it is a further one;
        label: for file names. Of a live form also live and output, see `stream`.
        """
        found = []
        for variant in self.manifest["variants"]:
            models = variant["models"] if form is None else variant.get("further", {}).get(form, {})
            model = models.get(engine)
            if model:
                words = [self.task, variant["name"], model["precision"]] + ([form] if form else [])
                label = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in "-".join(words))
                about = {"form": form} if form else {}
                found.append(dict(model, variant=variant["name"], label=label, path=self._path(model["file"]), **about))
        again = [
            dict(one, variant=SELF_CHECK, label=one["label"] + "-again") for one in found if one["variant"] == BASELINE
        ]
        return found + again

    def _path(self, name):
        return os.path.join(self.folder, *name.split("/"))
