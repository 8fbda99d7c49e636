"""The commands ``alignment-monitor screener ...``: training the embedded screener, and its card."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from alignment_monitor.cli.common import Home, console, fail, load_settings

screener_app = typer.Typer(help="Train the embedded screener; its card.", no_args_is_help=True)


@screener_app.command("train")
def screener_train(
    data: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Folder of labelled research files."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="JSON Lines labelled by people, as for `judge audit`.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="File of weights; else screener.npz in the home, which is then used."),
    ] = None,
    home: Home = None,
) -> None:
    """Learn from sentinels, labelled research and your own labels; takes minutes."""
    from alignment_monitor.judging.rubric import load_rubric
    from alignment_monitor.screening.examples import training_set
    from alignment_monitor.screening.model import TRAINED_FOR, WEIGHTS, save_screener
    from alignment_monitor.screening.training import train
    from alignment_monitor.sources.files import SourceFileError
    from alignment_monitor.sources.gold import GoldFileError, read_gold

    settings = load_settings(home)
    try:
        rubric = load_rubric(TRAINED_FOR, settings.rubrics)
        labelled = read_gold(labels, rubric, settings).references if labels else ()
        examples = training_set(rubric, data, labelled)
        screener, figures = train(
            examples, rubric, lambda name: console.print(f"Learning {rubric.title_of(name)} ...")
        )
    except (SourceFileError, GoldFileError, ValueError) as error:
        fail(str(error))
    target = out or settings.home / WEIGHTS
    card = target.with_suffix(".json")
    try:
        save_screener(screener, target)
        card.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        fail(f"{target} cannot be written: {error.strerror}")
    console.print(_areas(figures["checks"], rubric.title_of))
    console.print(f"Wrote {screener.version} to {target}, its figures to {card.name} beside it.")


@screener_app.command("card")
def screener_card(
    figures: Annotated[
        Path | None, typer.Option(help="Figures written by `train`; else the packaged ones.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File; else standard output.")] = None,
) -> None:
    """Write the model card: what it learnt from, how well it does, its limits."""
    from alignment_monitor.judging.rubric import load_rubric
    from alignment_monitor.screening.model import TRAINED_FOR
    from alignment_monitor.screening.model_card import FiguresError, model_card, read_figures

    try:
        text = model_card(read_figures(figures), load_rubric(TRAINED_FOR))
        if out is None:
            typer.echo(text, nl=False)
        else:
            out.write_text(text, encoding="utf-8")
            console.print(f"Wrote {out}")
    except FiguresError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{out} cannot be written ({error.strerror}): name another file by --out")


def _areas(checks: list[dict[str, Any]], title_of: Callable[[str], str]) -> Table:
    from alignment_monitor.screening.evaluation import ACROSS, UNSEEN_MODEL, WITHIN
    from alignment_monitor.screening.model_card import shown, summary

    table = Table(title=escape("Area under the ROC curve (range) [length alone]"))
    for name in ("behaviour", "data", "messages", "other items", "unseen model", "other data"):
        table.add_column(name)
    for row in summary(checks):
        areas = (shown(row[kind]) for kind in (WITHIN, UNSEEN_MODEL, ACROSS))
        count = f"{row['messages']:,}"
        table.add_row(title_of(row["behaviour"]), row["source"], count, *map(escape, areas))
    return table
