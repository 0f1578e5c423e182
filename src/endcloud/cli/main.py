"""`endcloud`: the commands in loop order, and what becomes of errors.

Exit codes: 0 done, 1 the job failed, 2 wrong usage or input, 130 interrupted. An error is one sentence on
stderr (and, with `--json`, an object with `error` on stdout); a traceback only with `--debug`.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Annotated

import typer

from endcloud import __version__
from endcloud.cli import (
    backup,
    calibrate,
    chat,
    corpus,
    customers,
    demo,
    doctor,
    evaluate,
    evolve,
    experiment,
    import_models,
    init,
    keys,
    ledger,
    policies,
    privacy,
    review,
    scorers,
    serve,
    simulate,
    status,
    teach,
    train,
    versions,
)
from endcloud.cli.console import Console
from endcloud.errors import EndcloudError

app = typer.Typer(
    name="endcloud",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="A small model answers the shop's customers on its own machine; a large one in the cloud teaches it.",
    epilog="The loop: init ▸ corpus ▸ teach ▸ train ▸ evaluate ▸ versions promote ▸ serve ▸ evolve. "
    "All of it: `endcloud demo`.",
)

_INTERRUPTED = 130
"""The exit code of what Ctrl-C ended: 128 and the signal's number."""

_LOOP, _ANY_TIME = "The loop, in its order", "At any time"
app.command(rich_help_panel=_LOOP)(init.init)
app.command(rich_help_panel=_LOOP)(corpus.corpus)
app.command(rich_help_panel=_LOOP)(teach.teach)
app.command(rich_help_panel=_LOOP)(train.train)
app.command(rich_help_panel=_LOOP)(evaluate.evaluate)
app.add_typer(versions.app, name="versions", rich_help_panel=_LOOP)
app.command(rich_help_panel=_LOOP)(chat.chat)
app.command(rich_help_panel=_LOOP)(serve.serve)
app.add_typer(evolve.app, name="evolve", rich_help_panel=_LOOP)
app.command(rich_help_panel=_ANY_TIME)(demo.demo)
app.command(rich_help_panel=_ANY_TIME)(simulate.simulate)
app.add_typer(keys.app, name="keys", rich_help_panel=_ANY_TIME)
app.add_typer(policies.app, name="policies", rich_help_panel=_ANY_TIME)
app.add_typer(ledger.app, name="ledger", rich_help_panel=_ANY_TIME)
app.add_typer(privacy.app, name="privacy", rich_help_panel=_ANY_TIME)
app.add_typer(customers.app, name="customers", rich_help_panel=_ANY_TIME)
app.command(rich_help_panel=_ANY_TIME)(backup.backup)
app.add_typer(review.app, name="review", rich_help_panel=_ANY_TIME)
app.add_typer(experiment.app, name="experiment", rich_help_panel=_ANY_TIME)
app.add_typer(import_models.app, name="import", rich_help_panel=_ANY_TIME)
app.add_typer(scorers.app, name="scorers", rich_help_panel=_ANY_TIME)
app.add_typer(calibrate.app, name="calibrate", rich_help_panel=_ANY_TIME)
app.command(rich_help_panel=_ANY_TIME)(status.status)
app.command(rich_help_panel=_ANY_TIME)(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; may stand anywhere.")] = False,
) -> None:
    """Options of the whole program; `--debug` is taken out of the arguments by `main`."""


def main() -> None:
    """The entry point of the `endcloud` command."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    as_json = "--json" in arguments
    # Where bitsandbytes is installed, peft loads it, and it advises a fetch of kernels that we never want.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    try:
        code = app(args=arguments, standalone_mode=False, prog_name="endcloud")
        if code == _INTERRUPTED:  # Typer makes a number of Ctrl-C
            raise KeyboardInterrupt
        sys.exit(code if isinstance(code, int) else 0)
    except KeyboardInterrupt:
        _complain("Interrupted", "Interrupted; the same command goes on where it stopped.", as_json)
        sys.exit(_INTERRUPTED)
    except typer.Abort:  # Typer's name for an input that ended
        if debug:
            raise
        _complain("UsageError", "The input ended before it was whole; give all of it.", as_json)
        sys.exit(2)
    except typer.TyperException as error:
        if debug:
            raise
        if told := _told(error):  # no sub-command at all: its help was shown, and says everything
            _complain("UsageError", f"{told}. Add --help to see what there is.", as_json)
        sys.exit(2)
    except EndcloudError as error:
        if debug:
            raise
        _complain(type(error).__name__, str(error), as_json)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        sentence = f"Something we did not foresee: {type(error).__name__}: {error}. Run it with --debug to see where."
        _complain(type(error).__name__, sentence, as_json)
        sys.exit(1)


def _told(error: typer.TyperException) -> str:
    """The sentence of a wrong usage, with the option that it is about where there is one."""
    return str(getattr(error, "format_message", error.__str__)()).rstrip(".?")


def _complain(kind: str, sentence: str, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"error": {"type": kind, "message": sentence}}, ensure_ascii=False) + "\n")
    Console().complain(sentence)


if __name__ == "__main__":
    main()
