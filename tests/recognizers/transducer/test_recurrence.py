"""Under autocast every LSTM of every recogniser runs in float32 and outside it, on any processor."""

import pytest
import torch

from isogloss.recognizers.transducer import Transducer

ENCODERS = {
    "lstm": {"channels": 4, "hidden_dim": 16, "layers": 2},
    "convrnnt": {"local_channels": 3, "global_dim": 8, "global_blocks": 2, "hidden_dim": 8, "layers": 1},
}


def lstm_by_hand(lstm, input_BTD):
    """The published recurrence of all layers, from zero states, in float64."""
    output_BTH = input_BTD.double()
    for layer in range(lstm.num_layers):
        weight_ih, weight_hh, bias_ih, bias_hh = (weight.double() for weight in lstm.all_weights[layer])
        hidden_BH = cell_BH = output_BTH.new_zeros(len(output_BTH), lstm.hidden_size)
        outputs = []
        for frame_BD in output_BTH.unbind(1):
            gates_BG = frame_BD @ weight_ih.T + bias_ih + hidden_BH @ weight_hh.T + bias_hh
            enter, keep, fresh, leave = gates_BG.chunk(4, dim=1)
            cell_BH = keep.sigmoid() * cell_BH + enter.sigmoid() * fresh.tanh()
            hidden_BH = leave.sigmoid() * cell_BH.tanh()
            outputs.append(hidden_BH)
        output_BTH = torch.stack(outputs, dim=1)
    return output_BTH


@pytest.mark.parametrize("encoder", ENCODERS)
def test_lstms_are_left_out_of_autocast(encoder):
    torch.manual_seed(0)
    model = Transducer(
        encoder=encoder, encoder_options=ENCODERS[encoder], input_dim=8, vocabulary=6, predictor_dim=4, joiner_dim=7
    ).eval()
    seen = []

    def note(lstm, inputs, outputs):
        seen.append((lstm, inputs[0], outputs[0], torch.is_autocast_enabled("cpu")))

    for module in model.modules():
        if isinstance(module, torch.nn.LSTM):
            module.register_forward_hook(note)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        encoded_BTD, _ = model.encode(torch.randn(2, 20, 8), torch.tensor([20, 13]))
        predicted_BUP = model.predictor(torch.tensor([[1, 2, 3], [4, 0, 0]]))
        assert model.encoder_projection(encoded_BTD).dtype == torch.bfloat16  # autocast goes on behind them
    assert len(seen) == 2 and encoded_BTD.dtype == predicted_BUP.dtype == torch.float32
    for lstm, input_BTD, output_BTH, autocast in seen:
        assert input_BTD.dtype == torch.float32 and not autocast
        torch.testing.assert_close(output_BTH.double(), lstm_by_hand(lstm, input_BTD), rtol=1e-5, atol=1e-6)
