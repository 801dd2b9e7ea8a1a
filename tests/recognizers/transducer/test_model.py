"""The network: the predictor alone and as a whole."""

import torch

from isogloss.recognizers.transducer import Transducer


def test_the_predictor_steps_through_a_text_as_it_reads_it_whole():
    torch.manual_seed(0)
    options = {"channels": 4, "hidden_dim": 16, "layers": 1}
    sizes = {"input_dim": 20, "vocabulary": 7, "predictor_dim": 8, "joiner_dim": 12}
    predictor = Transducer(encoder="lstm", encoder_options=options, **sizes).predictor.eval()
    tokens_BU = torch.tensor([[3, 1, 4, 1], [5, 2, 6, 5]])
    whole_BUP = predictor(tokens_BU)
    vector_BP, state = predictor.start(2)
    vectors = [vector_BP]
    for position in range(4):
        vector_BP, state = predictor.step(tokens_BU[:, position], state)
        vectors.append(vector_BP)
    torch.testing.assert_close(torch.stack(vectors, dim=1), whole_BUP)
