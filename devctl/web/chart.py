"""Where the chart library is: in the wheel, else in the tool cache; nowhere until somebody brings it."""

from __future__ import annotations

from pathlib import Path

from devctl.web.files import BUNDLED, LIBRARY_FILES


def library_folder() -> Path | None:
    """Return the folder with the library's files, None where it was not brought yet."""
    if _is_whole(BUNDLED):
        return BUNDLED
    from devctl.products import toolbox
    from devctl.products.grafana.tools import UPLOT

    tool = toolbox.find(UPLOT.name)
    return Path(tool.path) if tool and _is_whole(Path(tool.path)) else None


def _is_whole(folder: Path) -> bool:
    return all((folder / name).is_file() for name in LIBRARY_FILES)
