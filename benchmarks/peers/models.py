"""Networks that the registry does not have in this shape: one array in, one array out."""

from typing import Any

from layers import INPUT, Layers

from gluonkit import create_model, gluon, nn


class SSDHeads(gluon.HybridBlock):
    """GluonCV's SSD 512 on MobileNet 1.0 up to its heads: scores and boxes of all anchors.

    Boxes are neither decoded nor suppressed: with random weights they overlap in ties, which
    everybody resolves otherwise.
    """

    def __init__(self, **_: Any) -> None:
        super().__init__()
        with self.name_scope():
            ssd = create_model("gluoncv/ssd_512_mobilenet1.0_voc")
            self.features = ssd.features
            self.scores, self.boxes = ssd.class_predictors, ssd.box_predictors
            self._classes = len(ssd.classes) + 1

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """Return an anchor's scores and box in each row."""
        maps = self.features(x)

        def rows(heads: Any, width: int) -> Any:
            flat = [
                F.flatten(F.transpose(head(inner), (0, 2, 3, 1)))
                for head, inner in zip(heads, maps, strict=True)
            ]
            return F.reshape(F.concat(*flat, dim=1), (0, -1, width))

        return F.concat(rows(self.scores, self._classes), rows(self.boxes, 4), dim=2)


class BERTSequence(gluon.HybridBlock):
    """GluonNLP's BERT-base for one sentence without padding: its words to their encodings."""

    def __init__(self, **_: Any) -> None:
        super().__init__()
        with self.name_scope():
            self.bert = create_model("gluonnlp/bert_12_768_12", use_pooler=False)

    def hybrid_forward(self, F: Any, words: Any) -> Any:
        """Return each word's encoding."""
        return self.bert(words, F.zeros_like(words))

    def described(self) -> dict[str, Any]:
        """Return its list of layers."""
        layers, bert = Layers(), self.bert
        first = (bert.word_embed[0].weight, bert.token_type_embed[0].weight)
        x = layers.add("embed", [INPUT], weights=names(*first, bert.encoder.position_weight))
        x = _normalized(layers, bert.encoder.layer_norm, x)
        for cell in bert.encoder.transformer_cells:
            inner = cell.attention_cell
            parts = [
                getattr(inner, f"{part}_{kind}")
                for kind in ("weight", "bias")
                for part in ("query", "key", "value")
            ]
            y = layers.add("attention", [x], weights=names(*parts), heads=inner._num_heads)
            y = _dense(layers, cell.proj, y)
            x = _normalized(layers, cell.layer_norm, layers.add("add", [y, x]))
            y = layers.add("gelu", [_dense(layers, cell.ffn.ffn_1, x)])
            y = _dense(layers, cell.ffn.ffn_2, y)
            x = _normalized(layers, cell.ffn.layer_norm, layers.add("add", [y, x]))
        return layers.described(x)


class LSTMClassifier(gluon.HybridBlock):
    """Two layers of LSTM cells over a sequence, and a dense layer on the last step."""

    def __init__(self, units: int = 256, layers: int = 2, classes: int = 10) -> None:
        super().__init__()
        with self.name_scope():
            self.lstm = gluon.rnn.LSTM(units, layers, layout="NTC", input_size=units)
            self.output = nn.Dense(classes)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """Return the scores of each sequence."""
        return self.output(F.squeeze(F.slice_axis(self.lstm(x), axis=1, begin=-1, end=None), 1))

    def described(self) -> dict[str, Any]:
        """Return its list of layers."""
        layers, lstm = Layers(), self.lstm
        kinds = ("i2h_weight", "h2h_weight", "i2h_bias", "h2h_bias")
        weights = [
            getattr(lstm, f"l{layer}_{kind}") for layer in range(lstm._num_layers) for kind in kinds
        ]
        x = layers.add("lstm", [INPUT], weights=names(*weights))
        return layers.described(_dense(layers, self.output, layers.add("last", [x])))


def names(*parameters: Any) -> list[str]:
    """Return parameters' names."""
    return [parameter.name for parameter in parameters]


def _dense(layers: Layers, dense: Any, x: str) -> str:
    return layers.add("dense", [x], weights=names(dense.weight, dense.bias))


def _normalized(layers: Layers, norm: Any, x: str) -> str:
    weights = names(norm.gamma, norm.beta)
    return layers.add("layer_norm", [x], weights=weights, eps=norm._epsilon)
