"""The fine-tuned encoder as the graph that inference runs: logits, and on demand what each token contributed to them.

The graph computes what `BertForSequenceClassification` computes, with two differences. Only the first token of the
last layer is read by the classification head, so only that one is computed there, and the last layer's keys and values
are not computed at all (`Graph._first`). And it has a second output,
`attributions` (batch, tokens): the part of the most probable label's margin, its logit less the mean of the others,
that came from each token.

Every layer is linear in its input once its non-linear factors (attention weights, normalisation scales, GELU and tanh
as gates) are taken as they are for this text. So the margin is a sum over tokens of token state × gated path to the
margin, plus a part that the biases carry. The paths go back by hand through the last layers, one vector a token, with
the same 8-bit weights. Factors taken as given: Ali et al., XAI for Transformers (ICML 2022), and Achtibat et al.,
AttnLRP (ICML 2024).

`training.on_demand` puts that way back behind an input: whoever does not ask for it does not pay.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu
from transformers import BertForSequenceClassification

from training.on_demand import LAST

SHARE_BACK = 2 / 3
"""Share of the layers, the last ones, that the way back goes through. Further back the split is a little better, and
costs as much again as the text's label did."""


def layers_back(layers: int) -> int:
    """How many layers the way back goes through, of so many: four of six, two of three."""
    return round(SHARE_BACK * layers)


class _Passed(NamedTuple):
    """What the way back through a layer needs of the way forth."""

    weights: Tensor
    """Attention weights (batch, heads, queries, tokens), of the last layer (batch, heads, tokens)."""
    attended: Tensor
    """Before the first normalisation."""
    inner: Tensor
    activated: Tensor
    output: Tensor
    """Before the second normalisation."""


class Graph(nn.Module):
    """`forward(input_ids, attention_mask, token_type_ids)` → `(logits, attributions)`.

    Inputs are int64 (batch, tokens), outputs float32 (batch, labels) and (batch, tokens); attributions of padding are
    zero.
    """

    def __init__(self, model: BertForSequenceClassification) -> None:
        super().__init__()
        self.bert = model.bert
        self.classifier = model.classifier
        self.heads = model.config.num_attention_heads
        last = model.bert.encoder.layer[-1].attention.self
        for name, linear in zip(LAST, (last.key, last.value), strict=True):
            self.register_buffer(name, linear.weight.detach().view(self.heads, -1, linear.in_features))
        self.eval()

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> tuple[Tensor, Tensor]:
        bert = self.bert
        embeddings = bert.embeddings
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        states = embeddings.word_embeddings(input_ids) + embeddings.token_type_embeddings(token_type_ids)
        states = embeddings.LayerNorm(states + embeddings.position_embeddings(positions))
        mask = (1.0 - attention_mask[:, None, None, :].to(states.dtype)) * -10_000.0

        *layers, last = bert.encoder.layer
        passed = []
        for layer in layers:
            before = states
            states, kept = self._forth(layer, states, mask)
            passed.append((layer, before, kept))
        first, kept = self._first(last, states, mask)
        pooled_in = bert.pooler.dense(first)
        pooled = torch.tanh(pooled_in)
        logits = self.classifier(pooled)[:, 0]

        best = nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)[:, None]
        others = (1 - best) / (logits.shape[-1] - 1)
        back = ((best - others) @ self.classifier.weight) * _gate(pooled, pooled_in)
        direct, gathered = self._back(last, back @ bert.pooler.dense.weight, kept)
        back = kept.weights.transpose(1, 2) @ _by_head(self._heads(gathered), self.last_value)
        back = torch.cat((back[:, :1] + direct, back[:, 1:]), dim=1)
        for layer, before, kept in passed[: -layers_back(len(passed) + 1) : -1]:
            direct, gathered = self._back(layer, back, kept)
            gathered = self._join(kept.weights.transpose(2, 3) @ self._split(gathered))
            back, states = direct + gathered @ layer.attention.self.value.weight, before
        return logits, (back * states).sum(-1) * attention_mask

    def _forth(self, layer: nn.Module, states: Tensor, mask: Tensor) -> tuple[Tensor, _Passed]:
        """States after a layer."""
        attention = layer.attention.self
        query, key, value = (self._split(part(states)) for part in (attention.query, attention.key, attention.value))
        weights = torch.softmax(query @ key.transpose(2, 3) / math.sqrt(query.shape[-1]) + mask, dim=-1)
        return self._behind_attention(layer, states, self._join(weights @ value), weights)

    def _first(self, layer: nn.Module, states: Tensor, mask: Tensor) -> tuple[Tensor, _Passed]:
        """State of the first token after a layer.

        With one query a text, the matrices of key and value need not meet every token: the query goes through the
        key's matrix instead, and what the weights gather of the states through the value's. A key's bias would move
        all scores of a query alike, and the softmax does not see it.
        """
        attention, first = layer.attention.self, states[:, :1]
        query = self._heads(attention.query(first))
        looking = _by_head(query, self.last_key)
        scores = (states @ looking.transpose(1, 2)).transpose(1, 2)  # in this order no sum depends on the padding
        weights = torch.softmax(scores / math.sqrt(query.shape[-1]) + mask[:, 0], dim=-1)
        gathered = _by_head(weights @ states, self.last_value.transpose(1, 2)).reshape(first.shape)
        return self._behind_attention(layer, first, gathered + attention.value.bias, weights)

    def _behind_attention(
        self, layer: nn.Module, queries: Tensor, gathered: Tensor, weights: Tensor
    ) -> tuple[Tensor, _Passed]:
        attended = queries + layer.attention.output.dense(gathered)
        mixed = layer.attention.output.LayerNorm(attended)
        inner = layer.intermediate.dense(mixed)
        activated = gelu(inner)
        output = mixed + layer.output.dense(activated)
        return layer.output.LayerNorm(output), _Passed(weights, attended, inner, activated, output)

    def _back(self, layer: nn.Module, back: Tensor, passed: _Passed) -> tuple[Tensor, Tensor]:
        """From a layer's output to its input past the attention, and to what was gathered (for each query)."""
        back = _through_norm(back, layer.output.LayerNorm, passed.output)
        gated = (back @ layer.output.dense.weight) * _gate(passed.activated, passed.inner)
        back = back + gated @ layer.intermediate.dense.weight
        back = _through_norm(back, layer.attention.output.LayerNorm, passed.attended)
        return back, back @ layer.attention.output.dense.weight

    def _heads(self, states: Tensor) -> Tensor:
        """(batch, 1, hidden) → (batch, heads, size)."""
        return states.view(states.shape[0], self.heads, -1)

    def _split(self, states: Tensor) -> Tensor:
        batch, length, hidden = states.shape
        return states.view(batch, length, self.heads, hidden // self.heads).transpose(1, 2)

    def _join(self, states: Tensor) -> Tensor:
        batch, heads, length, size = states.shape
        return states.transpose(1, 2).reshape(batch, length, heads * size)


def _by_head(vectors: Tensor, matrices: Tensor) -> Tensor:
    """(batch, heads, n) × (heads, n, m) → (batch, heads, m).

    One row comes twice, so that a batch of one text is no product of a single row: onnxruntime has a kernel for those
    that adds up in another order, and what is rounded to 8 bits behind it would move.
    """
    rows = vectors.transpose(0, 1)
    return (torch.cat((rows, rows[:, :1]), dim=1) @ matrices)[:, :-1].transpose(0, 1)


def _gate(activated: Tensor, before: Tensor) -> Tensor:
    """The factor by which an activation multiplied its input."""
    return activated / (before + 1e-9)  # no 0 / 0


def _through_norm(back: Tensor, norm: nn.LayerNorm, before: Tensor) -> Tensor:
    """Back through a layer normalisation whose scale is taken as given."""
    scaled = back * norm.weight / torch.sqrt(before.var(-1, unbiased=False, keepdim=True) + norm.eps)
    return scaled - scaled.mean(-1, keepdim=True)
