"""What GluonNLP 0.10 publishes: weights and vocabularies. A test compares with the installed one.

The sizes of vocabularies, which GluonNLP itself does not know before it has them, are from its own
tests and documentation, that of `gbw` from Jozefowicz et al., arXiv:1602.02410; that of
`baidu_ernie_uncased` is from memory, and has not been held against its file.
"""

from __future__ import annotations

from typing import NamedTuple


class Vocabulary(NamedTuple):
    """A published vocabulary: SHA-1 of its file, number of words, suffix of the file."""

    sha1: str
    size: int
    suffix: str = ".vocab"


WEIGHTS = {
    "awd_lstm_lm_1150": {"wikitext-2": "f9562ed05d9bcc7e1f5b7f3c81a1988019878038"},
    "awd_lstm_lm_600": {"wikitext-2": "e952becc7580a0b5a6030aab09d0644e9a13ce18"},
    "bert_12_768_12": {
        "book_corpus_wiki_en_uncased": "75cc780f085e8007b3bf6769c6348bb1ff9a3074",
        "book_corpus_wiki_en_cased": "5656dac6965b5054147b0375337d5a6a7a2ff832",
        "openwebtext_book_corpus_wiki_en_uncased": "a56e24015a777329c795eed4ed21c698af03c9ff",
        "wiki_multilingual_uncased": "237f39851b24f0b56d70aa20efd50095e3926e26",
        "wiki_multilingual_cased": "b0f57a207f85a7d361bb79de80756a8c9a4276f7",
        "wiki_cn_cased": "885ebb9adc249a170c5576e90e88cfd1bbd98da6",
        "scibert_scivocab_uncased": "6c82d963fc8fa79c35dd6cb3e1725d1e5b6aa7d7",
        "scibert_scivocab_cased": "adf9c81e72ac286a37b9002da8df9e50a753d98b",
        "scibert_basevocab_uncased": "75acea8e8386890120533d6c0032b0b3fcb2d536",
        "scibert_basevocab_cased": "8e86e5de55d6dae99123312cd8cdd8183a75e057",
        "biobert_v1.0_pmc_cased": "a07780385add682f609772e81ec64aca77c9fb05",
        "biobert_v1.0_pubmed_cased": "280ad1cc487db90489f86189e045e915b35e7489",
        "biobert_v1.0_pubmed_pmc_cased": "8a8c75441f028a6b928b11466f3d30f4360dfff5",
        "biobert_v1.1_pubmed_cased": "55f15c5d23829f6ee87622b68711b15fef50e55b",
        "clinicalbert_uncased": "60281c98ba3572dfdaac75131fa96e2136d70d5c",
        "kobert_news_wiki_ko_cased": "ccf0593e03b91b73be90c191d885446df935eb64",
    },
    "bert_24_1024_16": {
        "book_corpus_wiki_en_uncased": "24551e1446180e045019a87fc4ffbf714d99c0b5",
        "book_corpus_wiki_en_cased": "4e685a966f8bf07d533bd6b0e06c04136f23f620",
    },
    "big_rnn_lm_2048_512": {"gbw": "6bb3e991eb4439fabfe26c129da2fe15a324e918"},
    "distilbert_6_768_12": {
        "distilbert_book_corpus_wiki_en_uncased": "e0864cc40b3d00fcfb1a878a728650d9148c9a1d",
    },
    "elmo_2x1024_128_2048cnn_1xhighway": {"gbw": "8c9257d9153436e9eb692f9ec48d8ee07e2120f8"},
    "elmo_2x2048_256_2048cnn_1xhighway": {"gbw": "85eab56a3c90c6866dd8d13b50449934be58a2e6"},
    "elmo_2x4096_512_2048cnn_2xhighway": {
        "gbw": "5608a09f33c52e5ab3f043b1793481ab448a0347",
        "5bw": "79af623840c13b10cb891d20c207afc483ab27b9",
    },
    "ernie_12_768_12": {"baidu_ernie_uncased": "f869f3f89e4237a769f1b7edcbdfe8298b480052"},
    "roberta_12_768_12": {
        "openwebtext_ccnews_stories_books_cased": "5cf21fcddb5ae1a4c21c61201643460c9d65d3b0",
    },
    "roberta_24_1024_16": {
        "openwebtext_ccnews_stories_books_cased": "d1b7163e9628e2fd51c9a9f3a0dc519d4fc24add",
    },
    "standard_lstm_lm_1500": {"wikitext-2": "a416351377d837ef12d17aae27739393f59f0b82"},
    "standard_lstm_lm_200": {"wikitext-2": "b233c700e80fb0846c17fe14846cb7e08db3fd51"},
    "standard_lstm_lm_650": {"wikitext-2": "631f39040cd65b49f5c8828a0aba65606d73a9cb"},
    "transformer_en_de_512": {"WMT2014": "e25287c5a924b7025e08d626f02626d5fa3af2d1"},
}
"""Of each model the data sets that it was trained on, the most used first, and its files' SHA-1."""

_UNCASED = "80ef760a6bdafec68c99b691c94ebbb918c90d02"
_CASED = "a4ff6fe1f85ba95f3010742b9abc3a818976bb2c"
_TRANSLATION = "230ebb817b1d86950d71e2e765f192a4e4f34415"
_OWN = "a66073971aa0b1a262453fe51342e57166a8abcf"

VOCABULARIES = {
    "wikitext-2": Vocabulary("be36dc5238c2e7d69720881647ab72eb506d0131", 33278),
    "gbw": Vocabulary("ebb1a287ca14d8fa6f167c3a779e5e7ed63ac69f", 793471),
    "WMT2014_src": Vocabulary(_TRANSLATION, 36794),
    "WMT2014_tgt": Vocabulary(_TRANSLATION, 36794),
    "book_corpus_wiki_en_cased": Vocabulary("2d62af22535ed51f35cc8e2abb607723c89c2636", 28996),
    "book_corpus_wiki_en_uncased": Vocabulary(_OWN, 30522),
    "openwebtext_book_corpus_wiki_en_uncased": Vocabulary(_OWN, 30522),
    "openwebtext_ccnews_stories_books_cased": Vocabulary(
        "2b804f8f90f9f93c07994b703ce508725061cf43", 50265
    ),
    "wiki_multilingual_cased": Vocabulary("0247cb442074237c38c62021f36b7a4dbd2e55f7", 119547),
    "distilbert_book_corpus_wiki_en_uncased": Vocabulary(_UNCASED, 30522),
    "wiki_cn_cased": Vocabulary("ddebd8f3867bca5a61023f73326fb125cf12b4f5", 21128),
    "wiki_multilingual_uncased": Vocabulary("2b2514cc539047b9179e9d98a4e68c36db05c97a", 105879),
    "scibert_scivocab_uncased": Vocabulary("2d2566bfc416790ab2646ab0ada36ba628628d60", 31090),
    "scibert_scivocab_cased": Vocabulary("2c714475b521ab8542cb65e46259f6bfeed8041b", 31116),
    "scibert_basevocab_uncased": Vocabulary(_UNCASED, 30522),
    "scibert_basevocab_cased": Vocabulary(_CASED, 28996),
    "biobert_v1.0_pmc_cased": Vocabulary(_CASED, 28996),
    "biobert_v1.0_pubmed_cased": Vocabulary(_CASED, 28996),
    "biobert_v1.0_pubmed_pmc_cased": Vocabulary(_CASED, 28996),
    "biobert_v1.1_pubmed_cased": Vocabulary(_CASED, 28996),
    "clinicalbert_uncased": Vocabulary(_UNCASED, 30522),
    "baidu_ernie_uncased": Vocabulary("223553643220255e2a0d4c60e946f4ad7c719080", 17964),
    "kobert_news_wiki_ko_cased": Vocabulary(
        "f86b1a8355819ba5ab55e7ea4a4ec30fdb5b084f", 8002, ".spiece"
    ),
}
"""The vocabulary of each data set, by the name of its file."""


def vocabularies(name: str, dataset: str) -> tuple[str, ...]:
    """Return the names of the vocabularies of a model for a data set."""
    if name.startswith("transformer"):
        return f"{dataset}_src", f"{dataset}_tgt"
    return () if name.startswith("elmo") else (dataset,)


def published_words(name: str) -> int:
    """Return the size of the vocabulary with which a model was first published."""
    return VOCABULARIES[vocabularies(name, next(iter(WEIGHTS[name])))[0]].size
