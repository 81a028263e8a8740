"""Funnels: who came how far, by the rules in docs/semantics.md.

funnel = Funnel.parse(spec, now=…, zone=…)
answer = measure(snapshot, funnel)
people(snapshot, answer, "dropped:2")
"""

from __future__ import annotations

from pipeline.questions.funnel.answer import Answer, Bin, Entered, Part, StepAnswer
from pipeline.questions.funnel.file import people_csv
from pipeline.questions.funnel.measure import measure
from pipeline.questions.funnel.notes import notes
from pipeline.questions.funnel.parts import rest
from pipeline.questions.funnel.people import Group, Of, behind, named, people
from pipeline.questions.funnel.spec import Exclusion, Funnel, Step

__all__ = [
    "Answer",
    "Bin",
    "Entered",
    "Exclusion",
    "Funnel",
    "Group",
    "Of",
    "Part",
    "Step",
    "StepAnswer",
    "behind",
    "measure",
    "named",
    "notes",
    "people",
    "people_csv",
    "rest",
]
