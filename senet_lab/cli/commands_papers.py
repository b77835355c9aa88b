"""``papers``: lists every numbered table of both editions with its state, so that no table is silently left out."""

from dataclasses import asdict

import typer

from senet_lab.cli import catalogue, options
from senet_lab.cli.gather import gather
from senet_lab.cli.printing import print_json, said_if_slow


def papers(results: options.Results = None, as_json: options.AsJson = False) -> None:
    """Lists every numbered table of the paper: its name here, what is published, and what measured it.

    Exit status 1 where a table is absent without a reason, or has no published number.
    """
    from senet_lab.report.papers import printed_tables

    printed, reasons = catalogue.printed()
    with said_if_slow("reading the records of all tables"):
        material = gather(catalogue.tables(), catalogue.claims(), results)
        found = printed_tables(printed, reasons, material.reports)
    print_json([asdict(one) for one in found]) if as_json else print("\n".join(one.text for one in found))
    raise typer.Exit(1 if any(one.absent for one in found) else 0)
