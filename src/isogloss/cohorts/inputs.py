"""The input tables of the cohort rules in `data/cohort_inputs`, with the columns that each rule declares."""

import numpy as np
import pandas as pd

from isogloss.cohorts.rule import IDENTIFIERS
from isogloss.config.components import EMBEDDINGS, TEXT_COLUMNS, ZIP_FIGURES, RuleComponent
from isogloss.config.registry import components
from isogloss.zips import join_zip_attributes, zip_attributes

NO_ATTRIBUTES = {*IDENTIFIERS, "recording_id", "ref", "zip"}
"""Columns of text that are not attributes; ZIPs and recordings have too many values to be cohorts."""


def table_inputs(utterances: pd.DataFrame, zips: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """For every rule that uses the utterance table: identifiers and its X columns, for all splits.

    Columns that a rule names but the corpus lacks are left out; `discover` then reports what is missing.

    Parameters
    ----------
    utterances
        The utterance table, `data/utterances.parquet`.
    zips
        The corpus' table of ZIPs, which may be empty.
    """
    identifiers = utterances[list(IDENTIFIERS)]
    texts = [c for c in utterances.columns if pd.api.types.is_string_dtype(utterances[c]) and c not in NO_ATTRIBUTES]
    figures = join_zip_attributes(utterances["zip"], zips, zip_attributes(zips), where="data/corpus/zips.parquet")
    inputs = {}
    for rule, found in components(RuleComponent).items():
        wanted = found.declaration.inputs
        if EMBEDDINGS in wanted:
            continue
        columns = {*wanted, *(texts if TEXT_COLUMNS in wanted else [])} - {*IDENTIFIERS}
        table = identifiers.join(utterances[[c for c in utterances.columns if c in columns]])
        inputs[rule] = table.join(figures) if ZIP_FIGURES in wanted else table
    return inputs


def voice_inputs(embeddings: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """For every rule that uses embeddings: identifiers and `e000, e001, ...`, one column per dimension.

    Parameters
    ----------
    embeddings
        `utterance_id, speaker_id, split, vector`, a row an utterance.
    """
    vectors_ND = np.stack(embeddings["vector"].to_list())
    columns = {f"e{number:03d}": vectors_ND[:, number] for number in range(vectors_ND.shape[1])}
    table = pd.concat([embeddings[list(IDENTIFIERS)].reset_index(drop=True), pd.DataFrame(columns)], axis=1)
    rules = components(RuleComponent).items()
    return {rule: table for rule, found in rules if EMBEDDINGS in found.declaration.inputs}
