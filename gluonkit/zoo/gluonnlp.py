"""GluonNLP's zoo: BERT and its relatives, ELMo, language models, a translator.

Options that each of them takes beside its sizes:

vocab : its words: a `gluonnlp.Vocab`, or a sequence of words, to which the special tokens are
    added. By default, without anything downloaded, placeholders: special tokens, and as many
    words ``[placeholder 5]`` as the published vocabulary has. ELMo, which reads characters, has one
    vocabulary for all and no such option.
dataset_name : a published data set, whose vocabulary is downloaded and checked.
pretrained : True for the weights that were trained on it, with its vocabulary; on the first of
    `published`, if `dataset_name` is None.
root : the folder of downloads.

The vocabulary comes back as the network's attribute `vocab`; the translator's other one, which has
to have as many words, as `target_vocab`. Sizes can be any here, where GluonNLP asks for
``hparam_allow_override``. BERT is made without the heads that only its own training needs: without
`use_decoder` (masked words), `use_classifier` (next sentence), but with `use_pooler`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gluonkit._base.checks import unknown_name
from gluonkit._base.optional import require
from gluonkit.errors import ArgumentError
from gluonkit.models import ModelInfo, ModelInput, note_options
from gluonkit.models.published import Published
from gluonkit.system.modes import legacy
from gluonkit.zoo._gluonnlp import VOCABULARIES, WEIGHTS, published_words, vocabularies
from gluonkit.zoo._gluonnlp_mends import (
    drop_by_symbols,
    start_elmo,
    start_states,
    without_gradient_of_lengths,
)
from gluonkit.zoo._gluonnlp_words import (
    of_bert,
    of_both,
    of_language_model,
    of_roberta,
    of_translator,
    vocabulary,
)
from gluonkit.zoo._records import build, ensure, folder

_LENGTH = 128  # of an example sentence


@dataclass(frozen=True)
class _Family:
    """Models that share a paper, inputs and options.

    Attributes
    ----------
    names : mapping of str to mapping
        Each model's name, with the options that differ from the family's.
    summary : str
        One line, with placeholders for options.
    inputs : callable
        Returns the inputs, given the size of the vocabulary.
    specials : callable or None
        Returns a vocabulary of special tokens only; None if the vocabulary is fixed.
    tied : mapping of str to str
        Options of the zoo that must equal one of ours.
    mend : callable or None
        Fixes, in the finished network, what does not work in the zoo's.
    """

    names: Mapping[str, Mapping[str, Any]]
    summary: str
    task: str
    reference: str
    inputs: Callable[[int], tuple[ModelInput, ...]]
    options: Mapping[str, Any]
    specials: Callable[[Any], Any] | None = None
    tied: Mapping[str, str] = field(default_factory=dict)
    mend: Callable[[Any], None] | None = None
    hybridizable: bool = True

    def of(self, name: str) -> dict[str, Any]:
        """Return a model's options, with their defaults."""
        words = {} if self.specials is None else {"vocab": None}
        common = {"dataset_name": None, "pretrained": False, "root": None}
        return {**words, **common, **self.options, **self.names[name]}


def models() -> Iterator[ModelInfo]:
    """Yield a record for every model of GluonNLP's zoo."""
    for family in _FAMILIES:
        for name in family.names:
            options = family.of(name)
            yield ModelInfo(
                name=f"gluonnlp/{name}",
                source="gluonnlp",
                summary=family.summary.format(**options),
                inputs=family.inputs(published_words(name) if family.specials else 0),
                task=family.task,
                hybridizable=family.hybridizable,
                options=MappingProxyType(options),
                downloads=tuple(_downloads(name)),
                reference=family.reference,
                builder=partial(_build, name, family),
            )


def _downloads(name: str) -> Iterator[Published]:
    """Yield the weights of a model, then the vocabularies that come with them."""
    yield from (_weights(name, dataset) for dataset in WEIGHTS[name])
    needed = (word for dataset in WEIGHTS[name] for word in vocabularies(name, dataset))
    yield from map(_vocabulary, dict.fromkeys(needed))


def _vocabulary(name: str) -> Published:
    kept = VOCABULARIES[name]
    return Published.vocabulary(name, kept.sha1, kept.suffix)


def _weights(name: str, dataset: str) -> Published:
    return Published.weights(f"{name}_{dataset}", WEIGHTS[name][dataset])


def _build(name: str, family: _Family, **options: Any) -> Any:
    """Build a network; the files that GluonNLP would download are fetched and checked before."""
    nlp = _gluonnlp()
    dataset = _dataset(name, options)
    weights = [dataset] if dataset is not None else list(WEIGHTS[name])[:1]
    return build(
        partial(_make, nlp, name, family, dataset, folder(options.get("root"))),
        name=f"gluonnlp/{name}",
        options=options,
        published=[_weights(name, weight) for weight in weights],
    )


# By position only, as options of GluonNLP may have the same names.
def _make(
    nlp: Any, name: str, family: _Family, dataset: str | None, place: Path, /, **options: Any
) -> Any:
    """Call GluonNLP's own builder."""
    given = {"pretrained": False, **family.options, **family.names[name], **options}
    # GluonNLP takes both as options, which have to be equal.
    given |= {theirs: given[ours] for theirs, ours in family.tied.items()}
    ours, target = given.pop("vocab", None), given.pop("target_vocab", None)
    given |= {"dataset_name": dataset, "root": str(place)}
    # Put where GluonNLP looks, which downloads them itself otherwise, without going on after a
    # break.
    for needed in vocabularies(name, dataset) if dataset is not None else ():
        ensure(_vocabulary(needed), place)
    if dataset is None and family.specials is of_translator:
        given |= of_both(nlp, ours, target, published_words(name))
    elif dataset is None and family.specials is not None:
        given["vocab"] = vocabulary(nlp, "vocab", ours, family.specials, published_words(name))
    if family.specials is not None:
        given["hparam_allow_override"] = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of deprecations inside GluonNLP
        net, *loaded = nlp.model.get_model(name, **given)
    # `get_model` returns vocabularies beside the network, and `create_model` the network alone.
    net.vocab = loaded[0]
    if family.specials is of_translator:
        net.target_vocab = loaded[1]
    if family.mend is not None:
        family.mend(net)
    if given["pretrained"] and family.specials is not None:
        note_options(
            net, dataset_name=dataset
        )  # a network that is rebuilt without weights still needs its vocabulary
    return net


def _gluonnlp() -> Any:
    with legacy(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its sources are from 2020
        return require("gluonnlp", extra="nlp")


def _dataset(name: str, options: Mapping[str, Any]) -> str | None:
    """Return the data set whose vocabulary, and perhaps weights, the options ask for."""
    known, dataset = WEIGHTS[name], options.get("dataset_name")
    published = options.get("pretrained") is True
    if dataset is not None and dataset not in known:
        how = f"Published for {name}: {', '.join(known)}."
        raise unknown_name("dataset_name", str(dataset), known, how)
    given = next((o for o in ("vocab", "target_vocab") if options.get(o) is not None), None)
    if given is not None and (published or dataset is not None):
        why = "`pretrained` is True" if dataset is None else f"`dataset_name` is {dataset!r}"
        raise ArgumentError(
            f"{why}, which brings a vocabulary, and `{given}` is given too; give one of them only"
        )
    return next(iter(known)) if dataset is None and published else dataset


def _ids(size: int, *, name: str = "ids", shape: tuple[int, ...] = (1, _LENGTH)) -> ModelInput:
    return ModelInput(shape, "int32", name, 0, size)


def _lengths(name: str = "lengths") -> ModelInput:
    # Both bounds are the same: each example is as long as its ids.
    return ModelInput((1,), "float32", name, _LENGTH, _LENGTH)


def _bert_inputs(size: int) -> tuple[ModelInput, ...]:
    return _ids(size), _ids(2, name="types"), _lengths()


def _translator_inputs(size: int) -> tuple[ModelInput, ...]:
    sides = ("source ids", "target ids")
    lengths = ("source lengths", "target lengths")
    return *(_ids(size, name=side) for side in sides), *map(_lengths, lengths)


_LARGE = {"num_layers": 24, "units": 1024, "hidden_size": 4096, "num_heads": 16}
_ENCODER = {
    "num_layers": 12,
    "units": 768,
    "hidden_size": 3072,
    "num_heads": 12,
    "max_length": 512,
    "dropout": 0.1,
    "output_attention": False,
    "output_all_encodings": False,
}
_HEADS = {"use_pooler": True, "use_decoder": False, "use_classifier": False}
_TIME = "inputs (length, batch); words: net.vocab"

_FAMILIES = (
    _Family(
        {"bert_12_768_12": {}, "bert_24_1024_16": _LARGE},
        "BERT of {num_layers} layers, {units} units: gives (sequence, pooled); words: net.vocab",
        "text encoder",
        "Devlin et al., arXiv:1810.04805",
        _bert_inputs,
        _HEADS | {"use_token_type_embed": True} | _ENCODER,
        of_bert,
        tied={"embed_size": "units"},
        mend=without_gradient_of_lengths,
    ),
    _Family(
        {"ernie_12_768_12": {}},
        "ERNIE 1.0 of {num_layers} layers, {units} units: gives (sequence, pooled); words: "
        "net.vocab",
        "text encoder",
        "Sun et al., arXiv:1904.09223",
        _bert_inputs,
        # As published: one position more than BERT has.
        _HEADS | {"use_token_type_embed": True} | _ENCODER | {"max_length": 513},
        of_bert,
        tied={"embed_size": "units"},
        mend=without_gradient_of_lengths,
    ),
    _Family(
        {"distilbert_6_768_12": {}},
        "DistilBERT of {num_layers} layers, {units} units: gives the sequence; words: net.vocab",
        "text encoder",
        "Sanh et al., arXiv:1910.01108",
        lambda size: (_ids(size), _lengths()),
        _ENCODER | {"num_layers": 6},
        of_bert,
        tied={"embed_size": "units"},
        mend=without_gradient_of_lengths,
    ),
    _Family(
        {"roberta_12_768_12": {}, "roberta_24_1024_16": _LARGE},
        "RoBERTa of {num_layers} layers, {units} units: gives the sequence; words: net.vocab",
        "text encoder",
        "Liu et al., arXiv:1907.11692",
        lambda size: (_ids(size), _lengths()),
        {"use_decoder": False} | _ENCODER,
        of_roberta,
        tied={"embed_size": "units"},
        mend=without_gradient_of_lengths,
    ),
    _Family(
        {
            "elmo_2x1024_128_2048cnn_1xhighway": {},
            "elmo_2x2048_256_2048cnn_1xhighway": {},
            "elmo_2x4096_512_2048cnn_2xhighway": {},
        },
        "ELMo: a word is 50 numbers, which net.vocab tells; gives (layers, states)",
        "text encoder",
        "Peters et al., arXiv:1802.05365",
        lambda size: (_ids(262, name="characters", shape=(1, 20, 50)),),
        {},
        mend=start_elmo,
    ),
    _Family(
        {
            f"standard_lstm_lm_{units}": {
                "embed_size": units,
                "hidden_size": units,
                "dropout": dropout,
            }
            for units, dropout in ((200, 0.2), (650, 0.5), (1500, 0.65))
        },
        f"Language model, {{num_layers}} LSTM layers of {{hidden_size}}: {_TIME}",
        "language model",
        "Zaremba et al., arXiv:1409.2329",
        lambda size: (_ids(size, shape=(35, 1)),),
        {"num_layers": 2, "tie_weights": True},
        of_language_model,
        mend=drop_by_symbols,
    ),
    _Family(
        {
            "awd_lstm_lm_1150": {
                "embed_size": 400,
                "hidden_size": 1150,
                "dropout": 0.4,
                "weight_drop": 0.5,
                "drop_h": 0.2,
                "drop_i": 0.65,
                "drop_e": 0.1,
            },
            "awd_lstm_lm_600": {
                "embed_size": 200,
                "hidden_size": 600,
                "dropout": 0.2,
                "weight_drop": 0.2,
                "drop_h": 0.1,
                "drop_i": 0.3,
                "drop_e": 0.05,
            },
        },
        "AWD language model, {num_layers} LSTM layers of {hidden_size} with dropped weights: "
        f"{_TIME}",
        "language model",
        "Merity et al., arXiv:1708.02182",
        lambda size: (_ids(size, shape=(35, 1)),),
        {"num_layers": 3, "tie_weights": True},
        of_language_model,
    ),
    _Family(
        {"big_rnn_lm_2048_512": {}},
        "Big language model, {num_layers} LSTM layer of {hidden_size}, projected to "
        f"{{projection_size}}: {_TIME}",
        "language model",
        "Jozefowicz et al., arXiv:1602.02410",
        lambda size: (_ids(size, shape=(35, 1)),),
        {
            "embed_size": 512,
            "hidden_size": 2048,
            "projection_size": 512,
            "num_layers": 1,
            "embed_dropout": 0.1,
            "encode_dropout": 0.1,
        },
        of_language_model,
        mend=start_states,
        hybridizable=False,
    ),
    _Family(
        {"transformer_en_de_512": {}},
        "Transformer, {num_layers} layers of {num_units}, English to German; words: net.vocab, "
        "net.target_vocab",
        "translation",
        "Vaswani et al., arXiv:1706.03762",
        _translator_inputs,
        {
            "target_vocab": None,
            "num_layers": 6,
            "num_units": 512,
            "hidden_size": 2048,
            "num_heads": 8,
            "dropout": 0.1,
            "scaled": True,
        },
        of_translator,
        tied={"embed_size": "num_units"},
        hybridizable=False,
    ),
)
