"""References and hypotheses as files of scoring tools: Kaldi, trn, STM and CTM."""

from pathlib import Path

import numpy as np
import pandas as pd

from isogloss.errors import TableError
from isogloss.io.attributes import Attributes
from isogloss.io.transcripts import read_transcripts
from isogloss.judging.intake.layout import WITHOUT_SPEAKERS, speaker_pattern, speakers_in
from isogloss.judging.intake.request import Request
from isogloss.judging.intake.tables import Read, aligned, refuse_empty, taken


def read_scoring_files(request: Request, ref_path: Path, hyp_path: Path) -> Read:
    """Files of transcripts, joined by utterance id.

    Raises
    ------
    TableError
        A file cannot be read, the ids differ, references are empty, or the speakers are not given.
    """
    reference = read_transcripts(ref_path)
    ids = pd.Series(reference.texts.index, dtype="str")
    ref = reference.texts.reset_index(drop=True)
    ref = ref.mask(ref == "")
    pattern = speaker_pattern(request)
    if request.utt2spk is None and reference.speakers is None and pattern is None and not request.speakers_unknown:
        raise TableError(
            f"there is no --utt2spk, and {WITHOUT_SPEAKERS}; give it or --speaker-pattern, or pass --speakers-unknown "
            "for figures without intervals"
        )
    found, warnings = {}, []
    for name, path in (("hyp", hyp_path), ("after", request.after_hyp), ("speakers", request.utt2spk)):
        if path is None:
            continue
        mapping = read_transcripts(path, reference).texts
        own = pd.Series(mapping.index, dtype="str")
        if name == "speakers":  # utt2spk may list more utterances than were decoded.
            mapping = mapping[pd.Index(own).isin(ids)]
            own = pd.Series(mapping.index, dtype="str")
        may_miss = request.missing_as_deletions and name != "speakers"
        rows = aligned(own, ids, (str(ref_path), str(path)), may_miss=may_miss)
        found[name] = taken(mapping.reset_index(drop=True), rows)
        if (rows < 0).any():
            lost = int((rows < 0).sum())
            warnings.append(f"{lost} utterances have no hypothesis in {path}")
    empty = np.flatnonzero(ref.isna())
    if empty.size and not request.allow_empty:
        refuse_empty(len(empty), len(ref), f"{ref_path}, utterance {ids[empty[0]]}")
    speakers = found.get("speakers", reference.speakers)
    if pattern is not None:
        speakers = speakers_in(ids, pattern, str(ref_path))
    speakers = None if speakers is None else speakers.mask(speakers == "")
    hyps = {request.name: found["hyp"]}
    if "after" in found:
        hyps[request.after_name] = found["after"]
    weight = pd.Series(1.0, index=ids.index)
    attributes = Attributes(ids, speakers)
    return Read(ids, speakers, ref, hyps, weight, attributes, str(ref_path), warnings=tuple(warnings))
