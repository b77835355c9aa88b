"""Collects all commands in one program. A user's mistake ends it with one line on stderr and a non-zero exit status."""

import os
import sys

import typer

from senet_lab.cli import (
    commands_evaluate,
    commands_export,
    commands_html,
    commands_look,
    commands_papers,
    commands_plan,
    commands_report,
    commands_search,
    commands_store,
    commands_submit,
    commands_train,
    commands_verify,
)
from senet_lab.cli.printing import make_printable
from senet_lab.errors import StudyError, lacks_memory

# Exit statuses.
INTERRUPTED = 130
GO_ON = 75  # runs were paused; the same command goes on with them
CLOSED_PIPE = 141

app = typer.Typer(
    help="Ablations of Squeeze-and-Excitation Networks: the paper's tables, published beside measured.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("list")(commands_plan.list_all)
app.command("papers")(commands_papers.papers)
app.command("plan")(commands_plan.plan)
app.command("train")(commands_train.train)
app.command("work")(commands_train.work)
app.command("submit")(commands_submit.submit)
app.command("report")(commands_report.report)
app.command("reproduce")(commands_train.reproduce)
app.command("report-all")(commands_report.report_all)
app.command("merge")(commands_store.merge)
app.command("status")(commands_store.status)
app.command("claims")(commands_report.claims)
app.command("excitations", context_settings={"allow_extra_args": True})(commands_look.excitations)
app.command("figures")(commands_look.figures)
app.command("evaluate")(commands_evaluate.evaluate)
app.command("html")(commands_html.html)
app.command("show")(commands_html.show)
app.command("verify")(commands_verify.verify)
app.command("export")(commands_export.export)
app.command("predict")(commands_export.predict)
app.command("conform")(commands_report.conform)
app.command("search")(commands_search.search)


def main() -> None:
    """Runs the command that the command line names."""
    os.environ["MPLBACKEND"] = "agg"  # figures go to files; another backend may not be there
    make_printable()
    try:
        app()
    except StudyError as error:
        _fail(str(error), error.exit_status)
    except ModuleNotFoundError as error:
        _fail(f"this needs the package {error.name}, which is not installed; run make install", 1)
    except SystemExit as end:
        if end.code == INTERRUPTED:  # typer's answer to Ctrl-C, which it does not explain
            _fail("interrupted; what was finished is kept, and the same command goes on", INTERRUPTED)
        _end(end)
    except OSError as error:
        _fail(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "), 1)
    except (RuntimeError, MemoryError) as error:
        if lacks_memory(error):
            _fail("too little memory; free some, or take fewer workers or another device", 1)
        if not str(error).startswith("Symlink loop"):  # Path.resolve, up to Python 3.12
            raise
        _fail(f"{error}: this link leads back to itself; set it anew", 1)


def _end(end: SystemExit) -> None:
    """Writes buffered output and ends. A reader that has closed the pipe, as in ``| head -1``, is no mistake."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for Python's own last flush
        if isinstance(error, BrokenPipeError):
            sys.exit(CLOSED_PIPE)
        _fail(f"the output could not be written ({error.strerror})", 1)
    raise end


def _fail(text: str, status: int) -> None:
    """Prints the reason on stderr and exits. Of several processes that train together, only one prints it."""
    from senet_lab.training.process_rank import ProcessRank, process_rank
    from senet_lab.training.spokesman import may_speak

    try:
        place = process_rank()
        speaks = place.first if status == GO_ON else may_speak()  # all pause together
    except StudyError:  # contradictory environment variables: that is the mistake which ``text`` reports
        speaks, place = True, ProcessRank()
    if speaks:
        who = "" if place.first else f"process {place.rank}: "
        print(f"senet-lab: {who}{' '.join(text.split())}", file=sys.stderr)
    sys.exit(status)
