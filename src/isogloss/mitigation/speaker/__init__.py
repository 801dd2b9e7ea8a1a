"""Mitigations of a speaker encoder: how training goes on so that no group is left behind. One idea a module.

- `base`: what a mitigation can do; as it stands it is `continued`, the same training for as long (and, with balanced
  batches, `group_balanced`)
- `group_dro`: groups weighted by how badly they fare (1911.08731)
- `reweighting`: adversarial reweighting in three variants (Jin et al. 2022, 2207.07776)
- `clusters`: the clusters of voices that the adversary is told
"""

from isogloss.config import VerificationParams
from isogloss.errors import ModelError
from isogloss.mitigation.speaker.base import SpeakerMitigation, SpeakerSetting, SpeakerStep
from isogloss.mitigation.speaker.group_dro import SpeakerGroupDro
from isogloss.mitigation.speaker.reweighting import VARIANTS, SpeakerReweighting


def build_speaker_mitigation(name: str, options: VerificationParams) -> SpeakerMitigation:
    """A mitigation by its name in `verification.methods`.

    Raises
    ------
    ModelError
        There is none of that name.
    """
    if name == "continued":
        return SpeakerMitigation(options)
    if name == "group_balanced":
        return SpeakerMitigation(options, balanced=True)
    if name == "group_dro":
        return SpeakerGroupDro(options)
    if name in VARIANTS:
        return SpeakerReweighting(options, variant=name)
    known = ["continued", "group_balanced", "group_dro", *VARIANTS]
    raise ModelError(f"there is no mitigation {name!r} of a speaker encoder; known are {', '.join(known)}")


__all__ = ["SpeakerMitigation", "SpeakerSetting", "SpeakerStep", "build_speaker_mitigation"]
