"""What every benchmark says of where and of what it was measured."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FAST_MODEL = "sincerity-tiny"


def machine() -> dict[str, Any]:
    """The day, the processor, the cores that this process may use, system and Python. Linux only."""
    processor = (line for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines() if "model name" in line)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": next(processor, platform.machine()).partition(":")[2].strip(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
