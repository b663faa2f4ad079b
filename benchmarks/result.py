"""What a benchmark found: rows and ratios, as JSON and as a table, with the machine it was found on."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import torch

PACKAGES = ("torch", "transformers", "transformer-lens", "datasets", "safr-lens")


@dataclass
class Result:
    """Rows of one table, ratios between them, and sentences about what they are.

    Attributes:
        name: of the benchmark.
        rows: one mapping a row, all with the same keys.
        ratios: by what they compare.
        options: as given on the command line.
    """

    name: str
    rows: list[dict[str, Any]]
    ratios: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it, with machine and versions, as JSON holds it."""
        options = {name: str(value) if isinstance(value, Path) else value for name, value in self.options.items()}
        found = {"benchmark": self.name, "options": options, "machine": machine()}
        return found | {"rows": self.rows, "ratios": self.ratios}

    def table(self) -> str:
        """Return the rows as a table, and the ratios below it."""
        lines = [self.name, pd.DataFrame(self.rows).to_string(index=False, na_rep="", float_format="{:,.1f}".format)]
        for name, value in self.ratios.items():
            shown = value if isinstance(value, dict) else {"": value}
            lines.append(f"{name}: " + ", ".join(f"{what} {one:.3g}".strip() for what, one in shown.items()))
        return "\n".join(lines)


def machine() -> dict[str, Any]:
    """Return hardware, load, versions and date."""
    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "accelerator": cuda,
        "load_average": os.getloadavg()[0],
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor())
