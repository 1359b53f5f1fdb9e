"""`report.html`: what a sweep, or a folder of sweeps, came to, as one file that needs nothing else to be read."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from data_utils.errors import InputError
from tuning.files import aside
from tuning.report_overview import overview_page
from tuning.report_style import Plot
from tuning.report_sweep import sweep_page
from tuning.results import EPOCHS, PREDICTIONS, TEST, TRIALS
from tuning.sweep_file import SWEEP_FILE

REPORT = "report.html"


def write_report(path: str | Path, out: str | Path | None = None) -> Path:
    """Write the report of a sweep's folder, or an overview of a folder of sweeps, and return its file.

    Args:
        path: the folder.
        out: the file; by default `report.html` in the folder.

    Raises:
        InputError: no such folder, no tables in it, one that cannot be read, or a file that cannot be written.
    """
    folder = Path(path).expanduser()
    file = Path(out).expanduser() if out else folder / REPORT
    if not folder.is_dir():
        raise InputError(str(path), ["no such folder; give a sweep's folder, or one that holds sweeps"])
    if any((folder / name).is_file() for name in (SWEEP_FILE, TRIALS, EPOCHS, TEST, PREDICTIONS)):
        page = sweep_page(folder)
        text = render("report.html.j2", page.plots, page=page)
    else:
        overview = overview_page(folder, file.parent)
        text = render("overview.html.j2", overview.plots, page=overview)
    try:
        with aside(file) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(str(file), [f"cannot be written ({error}); name another file with --out"]) from error
    return file


def render(template: str, plots: list[Plot], **values: Any) -> str:
    """Return a page with its plots, style and scripts in it; its policy lets nothing else be loaded or run."""
    environment = Environment(
        loader=PackageLoader("tuning"),
        autoescape=True,  # all text is a user's: classes, paths, errors
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    scripts = [get_plotlyjs(), _source(environment, "report.js")] if plots else []
    scripts += [_source(environment, "tables.js")]
    return environment.get_template(template).render(
        policy="; ".join(
            [
                "default-src 'none'",
                "script-src " + " ".join(_digest(script) for script in scripts),
                "style-src 'unsafe-inline'",  # plotly sets styles
                "img-src data: blob:",  # thumbnails, and plotly's own download of a plot
                "base-uri 'none'",
                "form-action 'none'",
            ]
        ),
        style=Markup(_source(environment, "report.css")),
        scripts=[Markup(script) for script in scripts],
        figures=_json(plots),
        **values,
    )


def _source(environment: Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _digest(script: str) -> str:
    """Return what a content security policy calls a script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _json(plots: list[Plot]) -> Markup:
    """Return {name: figure} as JSON; plotly writes it without `<`, `>` and `/`, so no `</script>` in it ends anything."""
    return Markup("{" + ",".join(f'"{plot.name}":{plot.figure.to_json()}' for plot in plots) + "}")
