"""What every entry point shares: arguments in, one clear message and an exit code out."""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import BAD_INPUT_EXIT_CODE, EdgeboardError
from pipeline.files import explain_os_error, full_disk_error

# Telemetry and progress bars of libraries have no place in the log of a stage.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


def stage_main(main: Callable[..., None]) -> Callable[[], None]:
    """Run `main` with its parameters named on the command line, `*rest` as any number of them.

    A parameter that must be named in Python is an `--option`; where its default is False, one without a value.

    An EdgeboardError is printed as it is and ends the process with exit code 2, a full disk or a read-only
    folder likewise. Anything else is a defect of ours and keeps its stack trace.
    """
    parameters = inspect.signature(main).parameters.values()

    def run() -> None:
        parser = argparse.ArgumentParser(prog=f"python -m {_module_name()}", description=(main.__doc__ or "").strip())
        for parameter in parameters:
            if parameter.kind is parameter.KEYWORD_ONLY:
                how = {"action": "store_true"} if parameter.default is False else {"default": parameter.default}
                parser.add_argument(f"--{parameter.name}", **how)
            else:
                parser.add_argument(parameter.name, nargs="*" if parameter.kind is parameter.VAR_POSITIONAL else None)
        given = vars(parser.parse_args())
        options = {one.name: given.pop(one.name) for one in parameters if one.kind is one.KEYWORD_ONLY}
        arguments = [one for value in given.values() for one in (value if isinstance(value, list) else [value])]
        try:
            main(*arguments, **options)
        except EdgeboardError as error:
            _fail(error)
        except OSError as error:
            clear = explain_os_error(error, error.filename)
            if clear is None:
                raise
            _fail(clear)
        except Exception as error:
            full = full_disk_error(error, Path.cwd())
            if full is None:
                raise
            _fail(full)

    def _module_name() -> str:
        spec = sys.modules["__main__"].__spec__
        return spec.name if spec else main.__module__

    return run


def _fail(error: EdgeboardError) -> None:
    sys.stdout.flush()
    print(f"\nError: {error}\n", file=sys.stderr, flush=True)
    raise SystemExit(BAD_INPUT_EXIT_CODE)
