"""Vocabularies for GluonNLP's networks: the user's own, of the user's words, of placeholders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gluonkit._base.checks import a_type
from gluonkit.errors import ArgumentError, ArgumentTypeError


def of_both(nlp: Any, given: Any, target: Any, size: int) -> dict[str, Any]:
    """Return the vocabularies that GluonNLP's translator takes instead of a data set's name."""
    vocab = vocabulary(nlp, "vocab", given, of_translator, size)
    other = vocab
    if target is not None:
        other = vocabulary(nlp, "target_vocab", target, of_translator, size)
    if len(other) != len(vocab):
        raise ArgumentError(
            f"`vocab` has {len(vocab)} words and `target_vocab` {len(other)}, special tokens "
            "included, but both share one embedding; make them equally long, or give one "
            "vocabulary that has the words of both"
        )
    # Without a data set GluonNLP 0.10 fails on `None + "_src"`.
    return {"dataset_name": _Nothing(), "src_vocab": vocab, "tgt_vocab": other}


class _Nothing(str):
    """A string that stays empty when something is added to it."""

    def __add__(self, other: str) -> _Nothing:
        return self


def vocabulary(nlp: Any, option: str, given: Any, specials: Callable[[Any], Any], size: int) -> Any:
    """Return a `gluonnlp.Vocab`: the given one, one of the given words, or one of placeholders.

    `specials` returns a vocabulary of special tokens only; `size`, for placeholders, includes
    these. `option` is for messages.
    """
    if isinstance(given, nlp.Vocab):
        return given
    if given is not None and (
        isinstance(given, (str, bytes))
        or not isinstance(given, Sequence)
        or not all(isinstance(word, str) for word in given)
    ):
        raise ArgumentTypeError(
            f"`{option}` is {a_type(given)}; give a gluonnlp.Vocab, or a list of words"
        )
    vocab = specials(nlp)
    first = len(vocab)
    if given is None:
        added = [f"[placeholder {index}]" for index in range(first, size)]
    else:
        added = [word for word in given if word not in vocab]
    # A word twice would have two rows of the embedding, one of which nobody reads.
    if len(set(added)) != len(added):
        twice = next(word for index, word in enumerate(added) if word in added[:index])
        raise ArgumentError(f"`{option}` has {twice!r} more than once; give each word once")
    # By its constructor, which sorts and counts, a million words would take seconds.
    vocab.idx_to_token.extend(added)
    vocab.token_to_idx.update(zip(added, range(first, first + len(added)), strict=True))
    return vocab


def of_bert(nlp: Any) -> Any:
    """Return the special tokens of BERT and its variants."""
    places = {"[UNK]": 0, "[PAD]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}
    return nlp.vocab.BERTVocab(token_to_idx=places)


def of_roberta(nlp: Any) -> Any:
    """Return the special tokens of RoBERTa, numbered as there."""
    tokens = {"bos_token": "<s>", "eos_token": "</s>", "mask_token": "<mask>"}
    return nlp.Vocab(token_to_idx={"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}, **tokens)


def of_language_model(nlp: Any) -> Any:
    """Return the special tokens of the language models."""
    return nlp.Vocab(padding_token=None, bos_token=None)


def of_translator(nlp: Any) -> Any:
    """Return the special tokens of the translator."""
    return nlp.Vocab(padding_token="<eos>")
