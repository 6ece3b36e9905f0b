"""The transformer of `nn.TransformerEncoder` and `nn.TransformerDecoder`."""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
import torch
from flax.traverse_util import unflatten_dict
from torch import nn
from torch.nn import functional as F

from benchmarks.peers.cases import Case
from dljax.layers.positions import sinusoids
from dljax.weights import to_torch_layer


class Translator(nn.Module):
    """An encoder and a decoder, whose output is the target's embedding again."""

    def __init__(self, tokens: int, steps: int, width: int, hidden: int) -> None:
        """Make the layers: three of each, of eight heads, norms last, no dropout."""
        super().__init__()
        sizes = (width, 8, hidden, 0.0)
        self.source_embedding = nn.Embedding(tokens, width)
        self.target_embedding = nn.Embedding(tokens, width)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(*sizes, batch_first=True),
            3,
            enable_nested_tensor=False,
        )
        self.decoder = nn.TransformerDecoder(
            nn.TransformerDecoderLayer(*sizes, batch_first=True), 3
        )
        places = np.asarray(sinusoids(jnp.arange(steps), width))
        self.register_buffer('places', torch.tensor(places))
        mask = nn.Transformer.generate_square_subsequent_mask(steps)
        self.register_buffer('mask', mask)
        self.scale = width**0.5

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Give the logits of each step, fed with the true token before it."""
        before = F.pad(target, (1, 0), value=1)[:, :-1]
        x = self.source_embedding(source) * self.scale + self.places
        memory = self.encoder(x)
        x = self.target_embedding(before) * self.scale + self.places
        x = self.decoder(x, memory, tgt_mask=self.mask, tgt_is_causal=True)
        return x @ self.target_embedding.weight.T


def translator(case: Case, weights: Mapping[str, np.ndarray]) -> Translator:
    """Make the net, with our weights."""
    params = unflatten_dict(weights, '/')
    width = params['source_embedding']['embedding'].shape[1]
    hidden = params['encoder']['layer_0']['feed_forward']['hidden']['bias'].shape[0]
    net = Translator(case.classes, *case.shape, width, hidden)
    with torch.no_grad():
        for name in ('source_embedding', 'target_embedding'):
            table = torch.tensor(params[name]['embedding'])
            getattr(net, name).weight.copy_(table)
    for part, name in ((net.encoder, 'encoder'), (net.decoder, 'decoder')):
        kind = f'Transformer{name.capitalize()}Layer'
        for index, layer in enumerate(part.layers):
            variables = {'params': params[name][f'layer_{index}']}
            state = to_torch_layer(kind, variables)
            layer.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
    return net
