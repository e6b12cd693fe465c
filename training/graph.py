"""The fine-tuned encoder as the graph that inference runs: logits, and what each token contributed to them.

The graph computes what `BertForSequenceClassification` computes, with two differences. Only the first token of the
last layer is read by the classification head, so only that one is computed there. And it has a second output,
`attributions` (batch, tokens, labels): the part of each logit that reached the head from each token.

What the head reads is linear in the values that the last attention layer gathers, once the layer's non-linear factors
(attention weights, normalisation scales, GELU and tanh as gates) are taken as they are for this text. So each logit is
a sum over tokens of attention weight × value × gated path to that logit, plus a part that no token carries. This is
the value-weighted attention of Kobayashi et al. (EMNLP 2020) seen through the gates of Achtibat et al. (AttnLRP, ICML
2024). It needs no backward pass: three vectors per text go back through one layer.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu
from transformers import BertForSequenceClassification


class Graph(nn.Module):
    """`forward(input_ids, attention_mask, token_type_ids)` → `(logits, attributions)`.

    Inputs are int64 (batch, tokens), outputs float32 (batch, labels) and (batch, tokens, labels); attributions of
    padding are zero.
    """

    def __init__(self, model: BertForSequenceClassification) -> None:
        super().__init__()
        self.bert = model.bert
        self.classifier = model.classifier
        self.heads = model.config.num_attention_heads
        self.eval()

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> tuple[Tensor, Tensor]:
        bert = self.bert
        embeddings = bert.embeddings
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        states = embeddings.word_embeddings(input_ids) + embeddings.token_type_embeddings(token_type_ids)
        states = embeddings.LayerNorm(states + embeddings.position_embeddings(positions))
        mask = (1.0 - attention_mask[:, None, None, :].to(states.dtype)) * -10_000.0

        *layers, last = bert.encoder.layer
        for layer in layers:
            weights, values = self._attend(layer, states, states, mask)
            attended = states + layer.attention.output.dense(self._join(weights @ values))
            mixed = layer.attention.output.LayerNorm(attended)
            activated = gelu(layer.intermediate.dense(mixed))
            states = layer.output.LayerNorm(mixed + layer.output.dense(activated))

        first = states[:, :1]
        weights, values = self._attend(last, first, states, mask)
        attended = first + last.attention.output.dense(self._join(weights @ values))
        mixed = last.attention.output.LayerNorm(attended)
        inner = last.intermediate.dense(mixed)
        activated = gelu(inner)
        output = mixed + last.output.dense(activated)
        pooled_in = bert.pooler.dense(last.output.LayerNorm(output))
        pooled = torch.tanh(pooled_in)
        logits = self.classifier(pooled)[:, 0]

        # from each logit back to the attention output of the last layer: (batch, labels, hidden)
        back = self.classifier.weight[None] * _gate(pooled, pooled_in)
        back = _through_norm(back @ bert.pooler.dense.weight, last.output.LayerNorm, output)
        gated = (back @ last.output.dense.weight) * _gate(activated, inner)
        back = back + gated @ last.intermediate.dense.weight
        back = _through_norm(back, last.attention.output.LayerNorm, attended)
        back = self._split(back @ last.attention.output.dense.weight)  # (batch, heads, labels, hidden per head)
        per_head = (values @ back.transpose(2, 3)) * weights.transpose(2, 3)  # (batch, heads, tokens, labels)
        return logits, per_head.sum(1)

    def _attend(self, layer: nn.Module, queries: Tensor, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Attention weights (batch, heads, queries, tokens) and values (batch, heads, tokens, hidden per head)."""
        attention = layer.attention.self
        query = self._split(attention.query(queries))
        key = self._split(attention.key(states))
        scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[-1])
        return torch.softmax(scores + mask, dim=-1), self._split(attention.value(states))

    def _split(self, states: Tensor) -> Tensor:
        batch, length, hidden = states.shape
        return states.view(batch, length, self.heads, hidden // self.heads).transpose(1, 2)

    def _join(self, states: Tensor) -> Tensor:
        batch, heads, length, size = states.shape
        return states.transpose(1, 2).reshape(batch, length, heads * size)


def _gate(activated: Tensor, before: Tensor) -> Tensor:
    """The factor by which an activation multiplied its input."""
    return activated / torch.where(before.abs() < 1e-6, torch.full_like(before, 1e-6), before)


def _through_norm(back: Tensor, norm: nn.LayerNorm, before: Tensor) -> Tensor:
    """Back through a layer normalisation whose scale is taken as given."""
    scaled = back * norm.weight / torch.sqrt(before.var(-1, unbiased=False, keepdim=True) + norm.eps)
    return scaled - scaled.mean(-1, keepdim=True)
