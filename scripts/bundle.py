"""Puts the chart library of devctl's board viewer into the wheel, with its licence (MIT), verified as every tool is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILES = ("dist/uPlot.iife.min.js", "dist/uPlot.min.css", "LICENSE")
TARGET = "devctl/web/lib"


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Is called by hatchling for every build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the library's files to a wheel; without the network the wheel is made without them."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from devctl.errors import DevctlError
        from devctl.products import toolbox
        from devctl.products.grafana.tools import UPLOT

        try:
            package = Path(toolbox.fetch(UPLOT.name, lambda _: None).path).parent
        except DevctlError as problem:
            self.app.display_warning(f"the wheel goes without the chart library: {problem}")
            return
        for file in FILES:
            build_data["force_include"][str(package / file)] = f"{TARGET}/{Path(file).name}"
