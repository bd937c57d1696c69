"""All studies beside the paper's figures, by their names, and what runs one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path as FilePath

from amp_theory.interface.studies.checking import CheckedValues, compare_values
from amp_theory.interface.studies.code_studies import CODES
from amp_theory.interface.studies.dense_studies import BLOCK_MODELS, SPARSE_PCA, SPHERICAL_MIXED
from amp_theory.interface.studies.literature import published_values
from amp_theory.interface.studies.measurement_studies import COMPRESSED_SENSING, PHASE_RETRIEVAL, RELU, SYMMETRIC_DOOR
from amp_theory.interface.studies.study import Study
from amp_theory.interface.studies.study_picture import draw_study
from amp_theory.models.synonyms import canonical
from amp_theory.tools.errors import answer_of
from amp_theory.tools.files import to_json, write_text

#: by name; another one is added here
STUDIES = {
    study.name: study
    for study in (
        SPHERICAL_MIXED, COMPRESSED_SENSING, PHASE_RETRIEVAL, RELU, SYMMETRIC_DOOR, BLOCK_MODELS, SPARSE_PCA, CODES,
    )
}  # fmt: skip
#: the eight diagrams of arXiv:2308.14085, which are none of these
SAMPLING, SAMPLING_WORDS = "sampling", ("diagrams", "paper", "ghio-2024")
#: what the names of a study's files end in: its figure, its lines, and the table of published values
LINES, FIGURE, TABLE = (".csv", ".json"), (".pdf", ".png"), ("_published.csv", "_published.json", "_published.txt")


def study_name(word: object) -> str:
    """Return the name of the study that a word means, None being the paper's diagrams, or raise an error."""
    if word is None:
        return SAMPLING
    others = {other: study.name for study in STUDIES.values() for other in study.words}
    others |= dict.fromkeys(SAMPLING_WORDS, SAMPLING)
    return canonical("study", others.get(word, word) if isinstance(word, str) else word, (SAMPLING, *STUDIES))


def file_names(study: Study) -> list[str]:
    """Return the names of all files that a study is written into."""
    return [study.file + ending for ending in (*FIGURE, *LINES, *TABLE)]


def run_study(
    study: Study, files: Mapping[str, FilePath], progress: Callable[[str], None] | None = None
) -> CheckedValues:
    """Compute a study, write its figure, lines and table, and return the published values beside ours."""
    if progress is not None:
        answer_of("progress", progress, study.title)
    curves = study.curves()
    marks = study.marks(published_values())
    found = compare_values([mark.value for mark in marks], progress)
    draw_study(study, curves, marks, *(files[study.file + ending] for ending in FIGURE))
    study.table(curves).to_csv(files[study.file + ".csv"], overwrite=True)
    write_text(files[study.file + ".json"], to_json(study.to_dict(curves, marks)))
    found.to_csv(files[study.file + "_published.csv"], overwrite=True)
    write_text(files[study.file + "_published.json"], to_json(found.to_dict()))
    write_text(files[study.file + "_published.txt"], found.report() + "\n")
    return found
