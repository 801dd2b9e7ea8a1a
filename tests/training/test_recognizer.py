"""Training of a recogniser: masks on the input in training alone, losses in float32 under bf16."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader

from isogloss.config import AsrParams, Params, SpecAugmentParams
from isogloss.config.components import EncoderComponent
from isogloss.config.registry import names
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.mitigation import build_mitigation
from isogloss.recognizers.batches import Batch
from isogloss.recognizers.transducer import TransducerRecognizer
from isogloss.recognizers.transducer.encoders.lstm import LstmParams
from isogloss.recognizers.transducer.losses import transducer_loss_from_logits
from isogloss.recognizers.transducer.losses.reference import reference_transducer_loss
from isogloss.recognizers.transducer.model import SimpleJoiner
from isogloss.recognizers.transducer.objectives import ctc_losses, transducer_losses
from isogloss.training.adapt_recognizer import RecognizerObjective
from isogloss.training.adaptation import Adaptation
from isogloss.training.fitting import fit
from isogloss.training.recognizer import RecognizerTraining

LENGTHS, TOKEN_LENGTHS = [24, 17, 9], [3, 2, 1]
TOKENS = Tokens.of(["abcd"])


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    return Batch(
        ids=["a", "b", "c"],
        cohorts=[""] * 3,
        texts=["acb", "da", "b"],
        features_BTF=torch.randn(3, 24, 8, generator=generator),
        lengths_B=torch.tensor(LENGTHS),
    )


def new_model(dropout=0.0):
    torch.manual_seed(2)
    options = LstmParams(channels=4, hidden_dim=16, layers=1, dropout=dropout).model_dump()
    return TransducerRecognizer(
        TOKENS, encoder="lstm", encoder_options=options, input_dim=8, predictor_dim=8, joiner_dim=8
    )


def train(module, batch, folder, **options):
    epochs = module.params.ctc_epochs + module.params.transducer_epochs
    loaders = {"batches": lambda _: DataLoader([batch], batch_size=None), "dev_batches": lambda: [batch]}
    files = {"checkpoints": folder / "checkpoints", "curve": folder / "loss.tsv"}
    fit(module, epochs=epochs, seed=1, **loaders, **files, **options)
    return [line.split("\t") for line in (folder / "loss.tsv").read_text().splitlines()[1:]]


@pytest.mark.parametrize("loss", ["full", "pruned"])
@pytest.mark.parametrize("encoder", names(EncoderComponent))
def test_no_gradient_depends_on_what_was_in_memory_before(encoder, loss, batch, monkeypatch):
    """With deterministic algorithms PyTorch can fill new memory with NaN, which would spread."""
    params = Params.model_validate({"asr": {"loss": loss, "encoder": encoder, "ctc_epochs": 0}})
    gradients = []
    for filled in (False, True):
        torch.manual_seed(2)
        model = TransducerRecognizer(
            TOKENS,
            encoder=encoder,
            encoder_options=params.section(encoder).model_dump(),
            input_dim=8,
            predictor_dim=8,
            joiner_dim=8,
        )
        if loss == "pruned":
            model.simple_joiner = SimpleJoiner(
                encoder_dim=model.encoder.output_dim, predictor_dim=8, vocabulary=len(TOKENS)
            )
        monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", filled)
        torch.use_deterministic_algorithms(True)
        try:
            model.train().training_losses(batch, params.asr, epoch=0).loss_B.sum().backward()
        finally:
            torch.use_deterministic_algorithms(False)
        gradients.append([weight.grad for weight in model.parameters()])
    for left, filled_with_nan in zip(*gradients, strict=True):
        assert (left is None and filled_with_nan is None) or (left.isfinite().all() and left.equal(filled_with_nan))


def reference_loss(model, batch):
    """The two losses an utterance at a time, from full logits."""
    total = torch.zeros(2)
    for b, (length, num_tokens) in enumerate(zip(LENGTHS, TOKEN_LENGTHS, strict=True)):
        tokens_1U = torch.tensor([TOKENS.encode(batch.texts[b])])
        encoded_1TD, lengths_1 = model.encode(batch.features_BTF[b : b + 1, :length], torch.tensor([length]))
        encoder_1TJ, predictor_1PJ = (
            model.encoder_projection(encoded_1TD),
            model.predictor_projection(model.predictor(tokens_1U)),
        )
        logits_1TPV = model.output_layer(torch.tanh(encoder_1TJ[:, :, None] + predictor_1PJ[:, None]))
        ctc_1TV = model.ctc_layer(encoded_1TD).log_softmax(-1)
        total[0] += F.ctc_loss(ctc_1TV[0], tokens_1U[0], lengths_1[0], torch.tensor(num_tokens), reduction="sum")
        total[1] += reference_transducer_loss(logits_1TPV, tokens_1U, lengths_1, torch.tensor([num_tokens])).item()
    return total / sum(TOKEN_LENGTHS)


def test_dev_loss_is_that_of_the_epoch_for_a_token_without_dropout_or_masks(tmp_path, batch):
    masks = SpecAugmentParams(time_masks=3, freq_masks=3)
    params = AsrParams(ctc_epochs=1, transducer_epochs=1, learning_rate=1e-12, spec_augment=masks)
    module = RecognizerTraining(new_model(dropout=0.5), params, steps_per_epoch=1)
    curve = train(module, batch, tmp_path)
    with torch.no_grad():
        ctc, transducer = reference_loss(module.model.eval(), batch).tolist()
    assert float(curve[0][2]) == pytest.approx(ctc, rel=1e-4)
    assert float(curve[1][2]) == pytest.approx(transducer + 0.3 * ctc, rel=1e-4)
    assert float(curve[0][1]) != pytest.approx(ctc, rel=1e-3)  # training has both


def test_masks_are_drawn_anew_each_epoch_and_only_where_asked_for(tmp_path, batch):
    losses = {}
    for name, masks in {"off": SpecAugmentParams(), "on": SpecAugmentParams(time_masks=2, freq_masks=2)}.items():
        params = AsrParams(ctc_epochs=3, transducer_epochs=1, learning_rate=1e-12, spec_augment=masks)
        curve = train(RecognizerTraining(new_model(), params, steps_per_epoch=1), batch, tmp_path / name)
        losses[name] = [float(loss) for _, loss, _ in curve[:3]]
        assert len({dev_loss for _, _, dev_loss in curve[:3]}) == 1
    assert len(set(losses["off"])) == 1
    assert len(set(losses["on"])) == 3


def base_training(model, params, batch):
    module = RecognizerTraining(model, params, steps_per_epoch=1)
    strategy = SimpleNamespace(reduce=lambda tensor, reduce_op: tensor)
    module._trainer = SimpleNamespace(current_epoch=params.ctc_epochs, strategy=strategy)
    return module, sum(TOKEN_LENGTHS)


def adapting(model, params, batch):
    objective = RecognizerObjective(model, params, learning_rate=1e-3)
    objective.drawn = {id_: (id_, 1.0) for id_ in batch.ids}
    return Adaptation(objective, build_mitigation("finetune", Params())), len(batch)


@pytest.mark.parametrize("make", [base_training, adapting])
@pytest.mark.parametrize("options", [{}, {"fastemit": 0.5}, {"delay_penalty": 0.2}])
def test_the_loss_has_the_options_of_the_params(batch, monkeypatch, make, options):
    """Value and gradient of the same model with full logits."""
    params = AsrParams(ctc_weight=0.0, **options)
    model = new_model()
    module, units = make(model, params, batch)
    monkeypatch.setattr(module, "log", lambda *_, **__: None)
    loss = module.training_step(batch, 0)
    loss.backward()
    found = model.encoder_projection.weight.grad.clone()
    model.zero_grad()
    tokens_BU = torch.tensor([[1, 3, 2], [4, 1, 0], [2, 0, 0]])
    encoded_BTD, lengths_B = model.encode(batch.features_BTF, batch.lengths_B)
    predicted_BPJ = model.predictor_projection(model.predictor(tokens_BU))
    sums_BTPJ = model.encoder_projection(encoded_BTD)[:, :, None] + predicted_BPJ[:, None]
    logits_BTPV = model.output_layer(torch.tanh(sums_BTPJ))
    targets = (tokens_BU, lengths_B, torch.tensor(TOKEN_LENGTHS))
    expected = transducer_loss_from_logits(logits_BTPV, *targets, **options).sum() / units
    expected.backward()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(found, model.encoder_projection.weight.grad, rtol=1e-4, atol=1e-6)


def test_losses_under_bf16_are_float32_and_near_those_without(batch):
    model = new_model()
    encoded_BTD, lengths_B = model.encode(batch.features_BTF, batch.lengths_B)
    for losses in (ctc_losses, transducer_losses):
        exact_B = losses(model, encoded_BTD, lengths_B, model.targets(batch))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss_B = losses(model, encoded_BTD, lengths_B, model.targets(batch))
        assert loss_B.dtype == torch.float32
        torch.testing.assert_close(loss_B, exact_B, rtol=0.02, atol=0.02)


def test_a_recogniser_trains_in_bf16(tmp_path, batch):
    params = AsrParams(ctc_epochs=5, transducer_epochs=10, learning_rate=1e-2)
    module = RecognizerTraining(new_model(), params, steps_per_epoch=1)
    curve = train(module, batch, tmp_path, precision="bf16")
    assert float(curve[-1][1]) < float(curve[5][1])
    assert all(parameter.dtype == torch.float32 for parameter in module.parameters())
