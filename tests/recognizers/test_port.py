"""A recogniser that hears audio and is no transducer goes through everything that works on the port."""

import json

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from lhotse import CutSet, Recording, SupervisionSegment
from torch import nn
from torch.utils.data import DataLoader

from isogloss.config import AsrParams, DecodingParams, SpecAugmentParams
from isogloss.corpus.frontend.features import feature_extractor
from isogloss.errors import CorpusError, ModelError
from isogloss.inference.cost import recognizer_cost
from isogloss.inference.heard import embed_by_recognizer, embeddings_of_hypotheses, spread_evenly
from isogloss.inference.stream import stream_file
from isogloss.inference.transcribe import decode_splits, last_tokens
from isogloss.mitigation.fisher import diagonal_fisher
from isogloss.recognizers import Hypothesis, Losses, Recognizer
from isogloss.recognizers.batches import Batch, Utterances, sorted_batches
from isogloss.recognizers.decode import decode_cuts
from isogloss.training.fitting import fit
from isogloss.training.recognizer import RecognizerTraining

WORDS = ("down", "up")


class Loudness(Recognizer):
    """Says `up` of loud and `down` of quiet recordings, by a logistic regression on the mean power of the samples."""

    kind = "loudness"
    hears = "audio"

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(1, 2)

    @classmethod
    def new(cls, params, data):
        return cls()

    @classmethod
    def base_options(cls, params):
        return [params.asr.seed]

    @classmethod
    def base_epochs(cls, asr):
        return asr.transducer_epochs

    @property
    def embedding_dim(self):
        return 1

    def embed(self, batch):
        return batch.audio_BS.square().sum(dim=1, keepdim=True) / batch.lengths_B[:, None]

    def losses(self, batch):
        word_B = torch.tensor([WORDS.index(text) for text in batch.texts])
        loss_B = nn.functional.cross_entropy(self.layer(self.embed(batch)), word_B, reduction="none")
        return Losses(loss_B, torch.ones(len(batch), dtype=torch.long), self.embed(batch))

    def transcribe(self, batch, decoding):
        return [Hypothesis(WORDS[best]) for best in self.layer(self.embed(batch)).argmax(dim=1)]

    def part(self, parameter_name):
        return "acoustic"

    def save(self, folder):
        (folder / "model.json").write_text(json.dumps({"kind": self.kind}))

    @classmethod
    def load(cls, folder):
        return cls().eval()


@pytest.fixture
def cuts(tmp_path):
    """Six recordings of unlike lengths and rates, alternately quiet and loud, with features beside."""
    found = []
    for number in range(6):
        rate = (8_000, 16_000)[number // 3]
        noise = np.random.default_rng(number).normal(0.0, (0.05, 0.5)[number % 2], rate // 2 + 800 * number)
        path = tmp_path / f"u{number}.wav"
        soundfile.write(path, np.clip(noise, -1, 1).astype(np.float32), rate)
        cut = Recording.from_file(path).to_cut().with_id(f"u{number}")
        said = SupervisionSegment(f"u{number}", f"u{number}", 0.0, cut.duration, text=WORDS[number % 2])
        cut.supervisions = [said]
        stored = cut.resample(16_000).compute_and_store_features(feature_extractor(8), _writer(tmp_path))
        found.append(stored)
    return CutSet.from_cuts(found)


def _writer(folder):
    from lhotse import LilcomChunkyWriter

    return LilcomChunkyWriter(folder / "features", mode="ab")


@pytest.fixture
def batch(cuts):
    return Utterances("audio")[cuts]


def test_batches_carry_samples_at_one_rate_without_features(cuts, batch):
    assert batch.features_BTF is None
    assert batch.lengths_B.tolist() == [round(cut.duration * 16_000) for cut in cuts]
    assert batch.audio_BS.shape == (6, int(batch.lengths_B.max()))
    samples, _ = soundfile.read(cuts["u5"].recording.sources[0].source, dtype="float32")
    torch.testing.assert_close(batch.row(5).audio_BS[0], torch.from_numpy(samples))
    assert not batch.audio_BS[3, int(batch.lengths_B[3]) :].any()


def test_a_cut_without_its_recording_is_one_sentence(cuts):
    bare = CutSet.from_cuts(cut.drop_recording() for cut in cuts)
    with pytest.raises(CorpusError, match="'u0' has features alone, and this model hears audio; run the stage prepare"):
        Utterances("audio")[bare]


def test_the_fisher_is_that_of_gradients_by_hand(batch):
    model = Loudness()
    expected = torch.zeros(2, 1)
    for row in range(6):
        power, word = model.embed(batch)[row], WORDS.index(batch.texts[row])
        error = model.layer(power).softmax(dim=0) - nn.functional.one_hot(torch.tensor(word), 2)
        expected += (error.detach()[:, None] * power) ** 2 / 6
    torch.testing.assert_close(diagonal_fisher(model, [batch.row(0), *_rest(batch)])["layer.weight"], expected)


def _rest(batch):
    return [batch.row(row) for row in range(1, 6)]


def test_base_training_learns_it(tmp_path, cuts):
    params = AsrParams(transducer_epochs=40, learning_rate=0.3)
    module = RecognizerTraining(Loudness(), params, steps_per_epoch=1)
    dataset = Utterances("audio", cache=True)
    fit(
        module,
        lambda _: DataLoader(list(sorted_batches(cuts, dataset, seconds=60.0)), batch_size=None),
        epochs=module.model.base_epochs(params),
        seed=1,
        checkpoints=tmp_path / "checkpoints",
        curve=tmp_path / "loss.tsv",
    )
    found = decode_cuts(module.model, cuts)
    assert {id_: said.text for id_, said in found.items()} == {f"u{n}": WORDS[n % 2] for n in range(6)}


def test_masks_on_features_are_refused_for_audio():
    params = AsrParams(spec_augment=SpecAugmentParams(time_masks=1))
    with pytest.raises(ModelError, match="a loudness hears audio; set time_masks and freq_masks to 0"):
        RecognizerTraining(Loudness(), params, steps_per_epoch=1)


def test_what_it_cannot_count_is_none(tmp_path, cuts):
    for name in ("cuts", "corpus"):
        (tmp_path / name).mkdir()
    (tmp_path / "corpus" / "corpus.json").write_text(json.dumps({"audio_root": str(tmp_path)}))
    cuts.to_file(tmp_path / "cuts" / "test.jsonl")
    hypotheses = decode_splits(Loudness(), ["test"], data=tmp_path, threads=1, decoding=DecodingParams())
    said = [hypotheses[cut.id].text for cut in cuts]
    ids = [cut.id for cut in cuts]
    table = pd.DataFrame({"utterance_id": ids, "split": "test", "ref": list(WORDS) * 3, "hyp": said})
    assert last_tokens(hypotheses)["last_token_s"].isna().all()
    cost = recognizer_cost(Loudness(), table, last_tokens(hypotheses), "test", data=tmp_path)
    assert cost["parameters"] == {"encoder": None, "total": 4}
    assert cost["flops"] is None and cost["latency"] is None and cost["encoder"] is None
    assert cost["emission_delay"]["utterances"] == 0 and cost["emission_delay"]["utterances_of_split"] == 6


def test_a_few_utterances_of_each_speaker_are_heard(tmp_path, cuts):
    """The audio of the others is not even opened."""
    for name in ("cuts", "corpus"):
        (tmp_path / name).mkdir()
    (tmp_path / "corpus" / "corpus.json").write_text(json.dumps({"audio_root": str(tmp_path)}))
    cuts.to_file(tmp_path / "cuts" / "test.jsonl")
    speakers = ["a", "a", "a", "a", "b", "b"]
    table = pd.DataFrame({"utterance_id": [cut.id for cut in cuts], "speaker_id": speakers, "split": "test"})
    every = embed_by_recognizer(Loudness(), table, data=tmp_path, threads=1)
    assert every["vector"].map(lambda vector: np.isfinite(vector).all()).all()
    for number in (1, 3):
        (tmp_path / f"u{number}.wav").unlink()
    some = embed_by_recognizer(Loudness(), table, data=tmp_path, threads=1, most=2)
    of_others = {id_: Hypothesis("no", embedding_D=np.array([-1.0])) for id_ in ("u0", "u1")}
    known = embeddings_of_hypotheses(of_others | {"u2": Hypothesis("no")}, table)
    assert known["utterance_id"].tolist() == ["u0", "u1"]
    assert embeddings_of_hypotheses({"u2": Hypothesis("no")}, table).empty
    continued = embed_by_recognizer(Loudness(), table, data=tmp_path, threads=1, most=2, known=known)
    assert [vector_D[0] for vector_D in continued["vector"][[0, 2, 4, 5]]] == [-1.0, 1.0, 1.0, 1.0]  # of length 1
    assert np.isnan(continued["vector"][1]).all()  # known, but it is not one of those that are heard
    assert some["utterance_id"].tolist() == table["utterance_id"].tolist()
    assert some["vector"].map(lambda vector: bool(np.isfinite(vector).all())).tolist() == [1, 0, 1, 0, 1, 1]


@pytest.mark.parametrize(("rows", "most"), [(1, 3), (3, 3), (4, 3), (7, 3), (20, 10), (21, 10), (5, 1)])
def test_the_utterances_that_are_heard_lie_evenly(rows, most):
    taken = spread_evenly(pd.DataFrame({"speaker_id": ["s"] * rows, "row": range(rows)}), most)["row"].tolist()
    assert len(taken) == min(rows, most) and taken[0] == 0
    steps = np.diff([*taken, rows])
    assert steps.max() - steps.min() <= 1


def test_what_it_cannot_do_is_one_sentence_each(tmp_path, cuts, batch):
    model = Loudness()
    with pytest.raises(ModelError, match="a loudness hears whole utterances and cannot stream"):
        list(stream_file(model, tmp_path / "u0.wav", decoding=DecodingParams()))
    with pytest.raises(ModelError, match="cannot draw transcripts from itself"):
        model.with_sampled_texts(batch, seed=0)
    with pytest.raises(ModelError, match="has no input for the cohort"):
        model.with_cohort_input(["far"], hidden_share=0.1)
    assert model.training_losses(batch, AsrParams()).loss_B.tolist() == model.losses(batch).loss_B.tolist()


def test_a_batch_moves_between_devices_as_a_whole():
    moved = Batch(["a"], [""], ["up"], torch.tensor([3]), audio_BS=torch.zeros(1, 3)).to("meta")
    assert moved.audio_BS.device.type == moved.lengths_B.device.type == "meta" and moved.features_BTF is None
