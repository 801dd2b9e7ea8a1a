"""Measures of the conversations of one condition.

Numbers of turns are compared conversation by conversation. A reference turn is found where it shares with a
heard one at least half of the time of each (our choice); pairs are chosen so that they share most time in all.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from isogloss.judging.word_errors import ERROR_COLUMNS

Seconds = float
Span = tuple[Seconds, Seconds]

COLLAR: Seconds = 5.0
"""The collar of tcpWER, as in the CHiME challenges."""
SHARED = 0.5


def measure(turns: pd.DataFrame, heard: pd.DataFrame, *, marks_turns: bool) -> dict[str, Any]:
    """The figures of a set of conversations.

    Parameters
    ----------
    turns
        Result of `turn_errors`.
    heard
        See `isogloss.judging.conversations`.
    marks_turns
        Whether the system says where turns start and end; else those figures are None.

    Returns
    -------
    `orc_wer, cp_wer, tcp_wer` as sums of errors over sums of words (a channel stands for a speaker in the last two);
    `conversations, turns, words`; `turn_count_accuracy`, the share of conversations with as many turns as there are;
    `turn_recall, turn_precision`; `start_latency_s, end_latency_s`: mean, p50 and p90 over found turns (ends that were
    said), from the voice to the audio that had been heard when the system said so.
    """
    figures: dict[str, Any] = {
        "conversations": int(turns["conversation_id"].nunique()),
        "turns": len(turns),
        "words": int(turns["words"].sum()),
        "orc_wer": _rate(turns[list(ERROR_COLUMNS)].to_numpy().sum(), turns["words"].sum()),
        **_by_speaker(turns, heard),
    }
    return figures | (_turn_figures(turns, heard) if marks_turns else dict.fromkeys(TURN_FIGURES))


TURN_FIGURES = ("turn_count_accuracy", "turn_recall", "turn_precision", "start_latency_s", "end_latency_s")


def _by_speaker(turns: pd.DataFrame, heard: pd.DataFrame) -> dict[str, float | None]:
    """cpWER and tcpWER by meeteval."""
    from meeteval.io import SegLST
    from meeteval.wer import cp_word_error_rate, time_constrained_minimum_permutation_word_error_rate

    errors = {"cp_wer": 0, "tcp_wer": 0}
    said = dict(iter(heard[heard["word"] != ""].groupby("conversation_id", sort=False)))
    for name, own in turns.groupby("conversation_id", sort=False):
        reference = SegLST(_segments(own.rename(columns={"ref": "words_", "speaker_id": "who"})))
        words = said.get(name)
        if words is None:
            length = int(own["words"].sum())
            errors = {key: value + length for key, value in errors.items()}
            continue
        hypothesis = SegLST(_segments(words.rename(columns={"word": "words_", "channel": "who"})))
        errors["cp_wer"] += cp_word_error_rate(reference, hypothesis).errors
        errors["tcp_wer"] += time_constrained_minimum_permutation_word_error_rate(
            reference, hypothesis, collar=COLLAR
        ).errors
    return {key: _rate(value, turns["words"].sum()) for key, value in errors.items()}


def _segments(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as meeteval has them."""
    return [
        {"session_id": "one", "speaker": str(who), "words": words, "start_time": float(start), "end_time": float(end)}
        for who, words, start, end in zip(rows["who"], rows["words_"], rows["start"], rows["end"], strict=True)
    ]


def _turn_figures(turns: pd.DataFrame, heard: pd.DataFrame) -> dict[str, Any]:
    """The figures about starts and ends of turns."""
    found = heard.drop_duplicates(["conversation_id", "channel", "turn"])
    groups = dict(iter(found.groupby("conversation_id", sort=False)))
    counted, pairs = [], []
    for name, own in turns.groupby("conversation_id", sort=False):
        theirs = groups.get(name, found.iloc[:0])
        counted.append(len(own) == len(theirs))
        pairs += match_turns(own, theirs)
    starts = [heard_start - start for (start, _), (heard_start, _) in pairs]
    ends = [heard_end - end for (_, end), (_, heard_end) in pairs if not np.isnan(heard_end)]
    return {
        "turn_count_accuracy": _rate(sum(counted), len(counted)),
        "turn_recall": _rate(len(pairs), len(turns)),
        "turn_precision": _rate(len(pairs), len(found)),
        "start_latency_s": _latency(starts),
        "end_latency_s": _latency(ends),
    }


def match_turns(turns: pd.DataFrame, heard: pd.DataFrame) -> list[tuple[Span, Span]]:
    """The reference turns of a conversation that were heard, each (start, end) with that of the heard one.

    Parameters
    ----------
    turns
        `start, end`.
    heard
        `turn_start, turn_end, last_word_end`, a row a turn; one whose end was not said lasts until its last word.
    """
    if turns.empty or heard.empty:
        return []
    start_K1, end_K1 = (turns[name].to_numpy()[:, None] for name in ("start", "end"))
    start_H = heard["turn_start"].to_numpy(np.float64)
    end_H = heard["turn_end"].fillna(heard["last_word_end"]).to_numpy(np.float64)
    shared_KH = np.minimum(end_K1, end_H) - np.maximum(start_K1, start_H)
    enough_KH = (shared_KH >= SHARED * (end_K1 - start_K1)) & (shared_KH >= SHARED * (end_H - start_H))
    shared_KH = np.where(enough_KH & (shared_KH > 0), shared_KH, 0.0)
    pairs = zip(*linear_sum_assignment(shared_KH, maximize=True), strict=True)
    said_H = heard["turn_end"].to_numpy(np.float64)
    return [
        ((float(start_K1[k, 0]), float(end_K1[k, 0])), (float(start_H[h]), float(said_H[h])))
        for k, h in pairs
        if shared_KH[k, h] > 0
    ]


def _latency(seconds: list[Seconds]) -> dict[str, Any]:
    """Mean and percentiles."""
    if not seconds:
        return {"mean": None, "p50": None, "p90": None, "turns": 0}
    return {
        "mean": round(float(np.mean(seconds)), 4),
        "p50": round(float(np.percentile(seconds, 50)), 4),
        "p90": round(float(np.percentile(seconds, 90)), 4),
        "turns": len(seconds),
    }


def _rate(numerator: float, denominator: float) -> float | None:
    """A ratio, or None over nothing."""
    return None if denominator == 0 else float(numerator / denominator)
