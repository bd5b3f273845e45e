"""The phases of a run."""

from __future__ import annotations

from enum import Enum


class PipelinePhase(Enum):
    """The phases of a run, in their order.

    Attributes:
        order: the phase's place in a run, from 0.
    """

    INITIALIZING = "initializing"
    SCANNING_FILES = "scanning_files"
    ANALYZING_PATTERNS = "analyzing_patterns"
    BUILDING_DICTIONARY = "building_dictionary"
    COMPRESSING = "compressing"
    COMPLETED = "completed"

    def __init__(self, value: str) -> None:
        # A plain attribute: every update compares it.
        self.order = len(type(self).__members__)

    @property
    def label(self) -> str:
        """The phase's name for people, such as "Scanning files"."""
        return self.value.replace("_", " ").capitalize()
