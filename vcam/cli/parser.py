"""Every command and flag, in one place. Only argparse is loaded here."""

from __future__ import annotations

import argparse
import sys
from typing import Any, NoReturn

import vcam
from vcam.errors import MISUSE


class _Parser(argparse.ArgumentParser):
    """argparse whose complaints look like all of vcam's errors."""

    def error(self, message: str) -> NoReturn:
        """End with the three lines and the exit status of misuse."""
        print(
            f"vcam: {message[:1].upper()}{message[1:]}.\n  do: see `{self.prog} --help`\n"
            "  code: misuse",
            file=sys.stderr,
        )
        sys.exit(MISUSE)


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; what it gives names the command's module."""
    parser = _Parser(
        prog="vcam",
        description="Other people's features on your own face, as a camera for every program.",
    )
    parser.add_argument("--version", action="version", version=f"vcam {vcam.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_run(commands)
    _add(commands, "open", "open the control page of the vcam that runs")
    _add_references(commands)
    _add_models(commands)
    _with_json(_add(commands, "cameras", "list the cameras that can be the source"))
    _with_json(_add(commands, "config", "say where the files are and what the settings are"))
    _add_bench(commands)
    return parser


def _add(commands: Any, name: str, text: str) -> argparse.ArgumentParser:  # noqa: ANN401
    """A command whose module has its name."""
    command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=f"{text}.")
    command.set_defaults(module=f"vcam.cli.{name}")
    return command


def _with_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON and nothing else")


def _add_run(commands: Any) -> None:  # noqa: ANN401 - argparse hides its type
    run = _add(commands, "run", "read the webcam, style the face, publish the camera")
    run.epilog = "Flags count for this run; the page's changes are stored."
    add = run.add_argument
    add(
        "--source",
        metavar="S",
        help="auto, camera[:NAME|PATH|INDEX], demo, or the path of a clip or picture",
    )
    add(
        "--sink",
        action="append",
        metavar="K",
        help="auto, v4l2[:/dev/videoN], obs, unity, file:PATH, null or preview; may be repeated",
    )
    add("--reference", metavar="R", help="id of a reference face, or the path of a picture")
    add("--regions", metavar="A,B", help="parts to edit: face, eyes, brows, nose, mouth")
    add("--mode", metavar="M", help="follow (keeps your expression) or replace")
    add("--detail", metavar="X", help="whose fine structure, 0 yours to 1 the reference's")
    add("--tone", metavar="X", help="whose palette, 0 yours to 1 the reference's")
    add("--strength", metavar="X", help="how far, 0 to 1")
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any other setting; may be repeated (`vcam config` lists them)",
    )
    add("--size", metavar="WxH", help="size of the published picture")
    add("--fps", metavar="N", help="frames a second of the published picture")
    add("--device", metavar="D", help="auto, cpu, mps, cuda or cuda:N")
    add("--model", metavar="M", help="weights to use (`vcam models list` shows them)")
    add("--port", metavar="N", help="port of the control page; another one will not do then")
    add("--no-tray", action="store_true", help="no icon in the tray")
    add("--no-web", action="store_true", help="no control page and no API")
    add("--frames", type=_count, metavar="N", help="end after so many frames")


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _add_references(commands: Any) -> None:  # noqa: ANN401 - argparse hides its type
    references = _add(commands, "references", "add, list or remove reference faces")
    what = references.add_subparsers(metavar="WHAT", dest="what", required=True)
    add = what.add_parser("add", help="make a picture of one face a reference face")
    add.add_argument("picture", nargs="+", help="path of a picture that shows exactly one face")
    remove = what.add_parser("remove", help="remove one of your own reference faces")
    remove.add_argument("id", nargs="+", help="id, as `vcam references list` shows it")
    for command in (add, remove, what.add_parser("list", help="list all reference faces")):
        _with_json(command)


def _add_models(commands: Any) -> None:  # noqa: ANN401 - argparse hides its type
    models = _add(commands, "models", "list, import, verify, choose or remove weights")
    what = models.add_subparsers(metavar="WHAT", dest="what", required=True)
    add = what.add_parser("import", help="make a checkpoint of StyleMapGAN's authors a model")
    add.add_argument("file", metavar="FILE", help="the checkpoint, as celeba_hq_256_8x8.pt")
    add.add_argument("--name", metavar="NAME", help="what to call it; by default as the file")
    verify = what.add_parser("verify", help="compare models with their checksums")
    verify.add_argument("name", metavar="NAME", nargs="*", help="by default all of them")
    use = what.add_parser("use", help="choose the model from now on")
    use.add_argument("name", metavar="NAME", help="name, as `vcam models list` shows it, or auto")
    remove = what.add_parser("remove", help="remove imported models")
    remove.add_argument("name", metavar="NAME", nargs="+", help="name of one you imported")
    for command in (add, verify, use, remove, what.add_parser("list", help="list all models")):
        _with_json(command)


def _add_bench(commands: Any) -> None:  # noqa: ANN401 - argparse hides its type
    bench = _add(commands, "bench", "measure how fast this machine edits")
    bench.add_argument("--source", metavar="S", help="a clip; by default the demo")
    bench.add_argument("--seconds", metavar="N", help="how long to measure")
    bench.add_argument("--device", metavar="D", help="auto, cpu, mps, cuda or cuda:N")
    bench.add_argument("--size", metavar="WxH", help="size of the picture")
    bench.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="any other setting"
    )
    _with_json(bench)
