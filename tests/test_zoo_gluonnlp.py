"""GluonNLP's zoo: its list, its vocabularies, its networks in both array modes.

What needs no GluonNLP comes first: it compiles when it is installed, so not everybody has it.
"""

import hashlib
import importlib.util
import inspect
import io
import sys
import zipfile
from contextlib import ExitStack

import numpy
import pytest

import gluonkit
from gluonkit import autograd, create_model, gluon, list_models, model_info, mx, nd, np, npx
from gluonkit.errors import ArgumentError, ArgumentTypeError, MissingPackageError
from gluonkit.models import origin
from gluonkit.models.published import Published
from gluonkit.system.modes import in_both_modes, legacy
from gluonkit.zoo._gluonnlp import VOCABULARIES, WEIGHTS, vocabularies
from tests.servers import serving

NAMES = [name.partition("/")[2] for name in list_models(source="gluonnlp")]
WORDS = [f"word{index}" for index in range(45)]
TINY = {"vocab": WORDS, "num_layers": 2, "num_heads": 4, "hidden_size": 64}
SIZES = {
    **dict.fromkeys(WEIGHTS, TINY | {"units": 32, "max_length": 64}),
    **{
        name: {"vocab": WORDS, "embed_size": 16, "hidden_size": 16}
        for name in WEIGHTS
        if "lm_" in name
    },
    **{name: {} for name in WEIGHTS if "elmo" in name},
    "transformer_en_de_512": TINY | {"num_units": 32},
}
LARGE = "elmo_2x4096_512_2048cnn_2xhighway"
installed = importlib.util.find_spec("gluonnlp") is not None
needs_gluonnlp = pytest.mark.skipif(
    not installed, reason="GluonNLP is not installed; gluonkit's extra 'nlp' brings it"
)


def test_listed_without_the_package(python):
    code = "import sys, gluonkit; assert gluonkit.list_models(source='gluonnlp');"
    code += "gluonkit.model_info('bert_12_768_12'); print('gluonnlp' in sys.modules)"
    assert python("-c", code).stdout == "False\n"


@needs_gluonnlp
def test_the_test_above_can_fail(python):
    code = (
        "import sys, gluonkit; gluonkit.create_model('gluonnlp/elmo_2x1024_128_2048cnn_1xhighway')"
    )
    assert python("-c", code + "; print('gluonnlp' in sys.modules)").stdout == "True\n"


def test_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "gluonnlp", None)
    with pytest.raises(MissingPackageError, match=r'extra "nlp".*pip install gluonnlp'):
        create_model("gluonnlp/bert_12_768_12")


def test_records():
    assert len(NAMES) == 16
    for name in NAMES:
        info = model_info(f"gluonnlp/{name}")
        assert "{" not in info.summary
        assert len(info.summary) <= 105
        assert "arXiv" in info.reference
        assert info.published == {
            f"{name}_{dataset}-{sha1[:8]}.params": sha1 for dataset, sha1 in WEIGHTS[name].items()
        }
        for spec, array in zip(info.inputs, info.example(), strict=True):
            assert array.min() >= spec.low
            assert array.max() < max(spec.high, spec.low + 1)
    bert = model_info("gluonnlp/bert_12_768_12")
    assert [spec.name for spec in bert.inputs] == ["ids", "types", "lengths"]
    assert bert.inputs[0].high == 30522
    assert list_models(task="translation") == ["gluonnlp/transformer_en_de_512"]
    assert len(list_models(task="language model", source="gluonnlp")) == 6


@needs_gluonnlp
def test_the_lists_are_those_of_the_installed_zoo():
    import gluonnlp
    from gluonnlp.data.utils import _vocab_sha1
    from mxnet.gluon.model_zoo.model_store import _model_sha1

    with pytest.raises(ValueError, match="is not supported") as error:
        gluonnlp.model.get_model("?")
    assert sorted(NAMES) == str(error.value).split("options are")[1].split()
    assert sorted(WEIGHTS) == sorted(NAMES)
    theirs = {
        file: sha1
        for file, sha1 in _model_sha1.items()
        if file.startswith(tuple(f"{name}_" for name in NAMES))
    }
    ours = {file: sha1 for name in NAMES for file, sha1 in published(name).items()}
    assert ours == {f"{file}-{sha1[:8]}.params": sha1 for file, sha1 in theirs.items()}
    needed = {
        vocabulary
        for name in WEIGHTS
        for data in WEIGHTS[name]
        for vocabulary in vocabularies(name, data)
    }
    assert {vocabulary: VOCABULARIES[vocabulary] for vocabulary in needed} == VOCABULARIES
    for name, kept in VOCABULARIES.items():
        assert _vocab_sha1[name][:2] == [kept.sha1, kept.suffix]


def published(name):
    return model_info(f"gluonnlp/{name}").published


@needs_gluonnlp
@pytest.mark.parametrize("name", NAMES)
def test_options_are_those_of_the_builder(name):
    import gluonnlp
    from gluonnlp.model import bert, language_model, transformer

    sizes = {
        **bert.bert_hparams,
        **language_model.awd_lstm_lm_hparams,
        **language_model.standard_lstm_lm_hparams,
        **language_model.big_rnn_lm_hparams,
        "transformer_en_de_512": transformer.transformer_en_de_hparams,
    }.get(name, {})
    builder = getattr(gluonnlp.model, name)
    known = set(inspect.signature(builder).parameters) | set(sizes)
    if "bert" in name or "ernie" in name:
        get = bert.get_roberta_model if "roberta" in name else bert.get_bert_model
        known |= set(inspect.signature(get).parameters)
    if "transformer" in name:
        known |= {"vocab", "target_vocab"}  # source and target
    options = model_info(f"gluonnlp/{name}").options
    assert set(options) <= known
    assert {o: options[o] for o in sizes if o in options} == {
        o: sizes[o] for o in sizes if o in options
    }


def made(name, **options):
    return create_model(f"gluonnlp/{name}", **SIZES[name] | options)


def drawn(name):
    """Return small example inputs: few words, short sentences, two of them."""
    random = numpy.random.default_rng(5)
    if "elmo" in name:
        return [random.integers(0, 262, (2, 6, 50)).astype("int32")]
    if "lm" in name:
        return [random.integers(0, 45, (7, 2)).astype("int32")]
    ids = [random.integers(0, 45, (2, 9)).astype("int32") for _ in range(2)]
    lengths = numpy.array([9, 6], "float32")
    if "transformer" in name:
        return [*ids, lengths, lengths]
    types = [ids[1] % 2] if model_info(f"gluonnlp/{name}").inputs[1].name == "types" else []
    return [ids[0], *types, lengths]


def arrays(values):
    make = np.array if mx.util.is_np_array() else nd.array
    return [make(value, dtype=value.dtype) for value in values]


def flat(outputs):
    if isinstance(outputs, (list, tuple)):
        return [leaf for part in outputs for leaf in flat(part)]
    return [outputs]


def run(net, name):
    outputs = flat(net(*arrays(drawn(name))))
    assert {type(output) for output in outputs} == {
        np.ndarray if mx.util.is_np_array() else nd.NDArray
    }
    return [output.asnumpy() for output in outputs]


def gradients(net, name):
    with autograd.record(train_mode=False):
        loss = sum((output**2).mean() for output in flat(net(*arrays(drawn(name)))))
    loss.backward()
    trained = [
        parameter for parameter in net.collect_params().values() if parameter.grad_req != "null"
    ]
    return {parameter.name: parameter.grad().asnumpy() for parameter in trained}


def close(actual, expected):
    for one, other in zip(actual, expected, strict=True):
        numpy.testing.assert_allclose(
            one, other, rtol=1e-4, atol=1e-5 * max(abs(other).max(), 1e-3)
        )


@needs_gluonnlp
@pytest.mark.parametrize("name", [name for name in NAMES if name != LARGE])
def test_in_both_modes(name):
    net = made(name, init="xavier")
    expected, slopes = run(net, name), gradients(net, name)
    assert sum(abs(slope).max() > 0 for slope in slopes.values()) > len(slopes) / 2
    npx.set_np()
    for actual in (run(net, name), run(made_like(net, name), name)):
        for one, other in zip(actual, expected, strict=True):
            numpy.testing.assert_array_equal(one, other)
    close(gradients(net, name).values(), slopes.values())
    net.hybridize()
    for _ in range(2):
        close(run(net, name), expected)
    close(gradients(net, name).values(), slopes.values())
    npx.reset_np()
    close(run(net, name), expected)


def made_like(net, name):
    """Return a network of the same weights that was made in the active mode."""
    other = made(name, init="xavier")
    for ours, theirs in zip(
        other._collect_params_with_prefix().values(),
        net._collect_params_with_prefix().values(),
        strict=True,
    ):
        ours.set_data(theirs.list_data()[0])
    return other


@needs_gluonnlp
@pytest.mark.parametrize("name", [name for name in NAMES if name != LARGE])
def test_same_numbers_as_from_gluonnlps_own_builder(name, seed):
    import gluonnlp

    ours = made(name)
    with legacy():
        own = {o: v for o, v in SIZES[name].items() if o != "vocab"}
        if "num_units" in own or "units" in own:
            own["embed_size"] = 32
        heads = ("use_decoder", "use_classifier")
        own |= {o: False for o in heads if o in model_info(f"gluonnlp/{name}").options}
        if "transformer" in name:
            builder = gluonnlp.model.transformer
            both = builder.get_transformer_encoder_decoder(
                num_layers=2, units=32, num_heads=4, hidden_size=64, dropout=0.1,
                max_src_length=530, max_tgt_length=549,
            )  # fmt: skip
            theirs = gluonnlp.model.translation.NMTModel(
                ours.vocab, ours.vocab, *both, share_embed=True, embed_size=32, tie_weights=True,
                embed_initializer=None, prefix="transformer_",
            )  # fmt: skip
        elif "elmo" in name:
            theirs, _ = gluonnlp.model.get_model(name)
        else:
            pretrained = {} if "lm" in name else {"pretrained": False, "dataset_name": None}
            theirs, _ = gluonnlp.model.get_model(
                name, vocab=ours.vocab, hparam_allow_override=True, **own, **pretrained
            )
    assert type(theirs) is type(ours)
    inputs = arrays(drawn(name))
    if "elmo" in name:
        inputs.append(theirs.begin_state(func=nd.zeros, batch_size=2))
    if "big" in name:
        inputs.append(theirs.begin_state(func=nd.zeros, batch_size=2))
    outputs = []
    for net, values in ((ours, arrays(drawn(name))), (theirs, inputs)):
        mx.random.seed(seed)
        net.initialize()
        outputs.append([output.asnumpy() for output in flat(net(*values))])
    for one, other in zip(*outputs, strict=True):
        numpy.testing.assert_array_equal(one, other)


# The number of parameters of Hugging Face's models with these weights: bert-base-uncased (the
# paper, table 1 of arXiv:1810.04805, says 110M), bert-large-uncased (340M), distilbert-base-uncased
# (66M in arXiv:1910.01108). ELMo's three are "Small", "Medium" and "Original" of AllenNLP: 13.6M,
# 28.0M, 93.6M.
COUNTS = {
    "bert_12_768_12": 109_482_240,
    "bert_24_1024_16": 335_141_888,
    "distilbert_6_768_12": 66_362_880,
}
MILLIONS = {
    "elmo_2x1024_128_2048cnn_1xhighway": 13.6,
    "elmo_2x2048_256_2048cnn_1xhighway": 28.0,
    LARGE: 93.6,
}


@needs_gluonnlp
@pytest.mark.parametrize("name", COUNTS)
def test_published_parameter_counts(name):
    report = gluonkit.summary(f"gluonnlp/{name}")
    assert report.total_params == COUNTS[name]
    assert not report.executed
    assert not report.uncounted


@needs_gluonnlp
@pytest.mark.parametrize("name", MILLIONS)
def test_published_parameter_counts_of_elmo(name):
    assert abs(gluonkit.summary(f"gluonnlp/{name}").total_params / 1e6 - MILLIONS[name]) < 0.1


@needs_gluonnlp
def test_multiply_adds_of_bert():
    report = gluonkit.summary("gluonnlp/bert_12_768_12")
    dense = 12 * (4 * 768 * 768 + 2 * 768 * 3072) * 128 + 768 * 768
    attention = 12 * 2 * 128 * 128 * 768
    assert report.macs == dense + attention


@needs_gluonnlp
def test_summaries_by_name():
    for name in ("roberta_12_768_12", "standard_lstm_lm_200", "transformer_en_de_512"):
        assert gluonkit.summary(f"gluonnlp/{name}").macs > 1e8
    words = str(["a", "b"])
    text = str(gluonkit.summary(f"gluonnlp/big_rnn_lm_2048_512(vocab={words})"))
    assert "BigRNN" in text


@needs_gluonnlp
def test_vocabularies():
    net = made("bert_12_768_12", vocab=None)
    assert len(net.vocab) == 30522
    assert net.vocab[["[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]"]] == [0, 1, 2, 3, 4]
    assert net.vocab.idx_to_token[30521] == "[placeholder 30521]"
    assert net.vocab["[placeholder 77]"] == 77
    assert net.vocab["unheard"] == 0
    again = type(net.vocab).from_json(net.vocab.to_json())
    assert again.idx_to_token == net.vocab.idx_to_token
    assert made("bert_12_768_12", vocab=net.vocab).vocab is net.vocab
    net = made("bert_12_768_12", vocab=["[CLS]", "one", "two"])
    assert net.vocab[["[CLS]", "one", "two"]] == [2, 5, 6]
    assert len(net.vocab) == 7
    roberta = made("roberta_12_768_12", vocab=["one"])
    assert roberta.vocab.idx_to_token == ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "one"]
    assert roberta.vocab["unheard"] == 3
    assert made("standard_lstm_lm_200").vocab.idx_to_token[:3] == ["<unk>", "<eos>", "word0"]
    assert len(made("elmo_2x1024_128_2048cnn_1xhighway").vocab["word"]) == 50


@needs_gluonnlp
def test_the_translators_vocabularies():
    net = made("transformer_en_de_512")
    assert net.vocab is net.target_vocab
    assert net.vocab is net.src_vocab
    assert net.vocab.idx_to_token[:3] == ["<unk>", "<eos>", "<bos>"]
    other = [f"Wort{index}" for index in range(45)]
    net = made("transformer_en_de_512", target_vocab=other)
    assert (net.vocab["word3"], net.target_vocab["Wort3"]) == (6, 6)
    with pytest.raises(ArgumentError, match="`vocab` has 48 words and `target_vocab` 5, special"):
        made("transformer_en_de_512", target_vocab=["ein", "zwei"])


@needs_gluonnlp
@pytest.mark.parametrize(
    ("vocab", "error", "message"),
    [
        ("words", ArgumentTypeError, r"`vocab` is a str; give a gluonnlp\.Vocab"),
        ([1, 2], ArgumentTypeError, r"`vocab` is .*; give a gluonnlp.Vocab, or a list"),
        (["one", "two", "one"], ArgumentError, "`vocab` has 'one' more than once"),
    ],
    ids=["text", "numbers", "a word twice"],
)
def test_vocabularies_that_are_refused(vocab, error, message):
    with pytest.raises(error, match=message):
        made("bert_12_768_12", vocab=vocab)


@needs_gluonnlp
@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "bert_12_768_12",
            {"dataset_name": "biobert_v1.0_pmc"},
            r"'biobert_v1.0_pmc'.*'biobert_v1.0_pmc_cased'",
        ),
        (
            "elmo_2x1024_128_2048cnn_1xhighway",
            {"dataset_name": "5bw"},
            r"Published for elmo_2x1024.*: gbw",
        ),
        (
            "transformer_en_de_512",
            {"target_vocab": WORDS, "pretrained": True},
            r"`pretrained` is True, which .* `target_vocab` is given",
        ),
    ],
)
def test_data_sets_that_are_refused(name, options, message):
    with pytest.raises(ArgumentError, match=message):
        create_model(f"gluonnlp/{name}", **options)


@needs_gluonnlp
def test_a_data_set_beside_a_vocabulary():
    with pytest.raises(ArgumentError, match="`dataset_name` is 'wiki_cn_cased', which brings a"):
        made("bert_12_768_12", dataset_name="wiki_cn_cased")


@needs_gluonnlp
def test_heads_of_bert():
    net = made("bert_12_768_12", use_decoder=True, use_classifier=True, init=True)
    inputs = [*drawn("bert_12_768_12"), numpy.array([[1, 2], [0, 4]], "float32")]
    for switch in (npx.reset_np, npx.set_np):
        switch()
        shapes = [output.shape for output in net(*arrays(inputs))]
        assert shapes == [(2, 9, 32), (2, 32), (2, 2), (2, 2, 50)]


@needs_gluonnlp
@pytest.mark.parametrize("name", ["standard_lstm_lm_200", "awd_lstm_lm_600", "big_rnn_lm_2048_512"])
def test_states_of_language_models(name, array_mode):
    net = made(name, init=True)
    first, second = numpy.split(drawn(name)[0], [3])
    whole, _ = net(*arrays(drawn(name)))
    start, states = net(*arrays([first]), net.begin_state(batch_size=2))
    rest, _ = net(*arrays([second]), states)
    both = numpy.concatenate([start.asnumpy(), rest.asnumpy()])
    numpy.testing.assert_allclose(both, whole.asnumpy(), atol=1e-5)


@needs_gluonnlp
@pytest.mark.parametrize("hybridize", [False, True])
def test_elmo_with_a_mask(hybridize, array_mode):
    """What stands behind the mask changes nothing before it."""
    name = "elmo_2x1024_128_2048cnn_1xhighway"
    net = made(name, init=True)
    if hybridize:
        net.hybridize()
    ids = drawn(name)[0]
    other = ids.copy()
    other[0, 4:] = 7
    mask = numpy.ones((2, 6), "float32")
    mask[0, 4:] = 0
    one, _ = net(arrays([ids])[0], None, arrays([mask])[0])
    two, _ = net(arrays([other])[0], None, arrays([mask])[0])
    for layer, its in zip(one, two, strict=True):
        numpy.testing.assert_allclose(layer[0, :4].asnumpy(), its[0, :4].asnumpy(), atol=1e-6)
    assert not one[0][0, 4:].asnumpy().any()
    net.hybridize(hybridize)  # MXNet keeps the structure of a graph's arguments
    states = net.begin_state(func=nd.zeros, batch_size=2)
    before = states[0][0]
    again, _ = net(arrays([ids])[0], states, arrays([mask])[0])
    assert states[0][0] is before
    numpy.testing.assert_allclose(again[2].asnumpy(), one[2].asnumpy(), atol=1e-6)


@needs_gluonnlp
def test_lengths_have_a_gradient(array_mode):
    """MXNet leaves it unwritten: whatever stood in the memory."""
    net = made("bert_12_768_12", init=True)
    ids, types, lengths = arrays(drawn("bert_12_768_12"))
    lengths.attach_grad()
    for _ in range(3):
        with autograd.record():
            loss = net(ids, types, lengths)[0].sum()
        loss.backward()
        assert not lengths.grad.asnumpy().any()


@needs_gluonnlp
@pytest.mark.parametrize("name", ["bert_12_768_12", "awd_lstm_lm_600"])
def test_saved_and_loaded(name, tmp_path, array_mode):
    net = made(name, init="xavier")
    expected = run(net, name)
    path = gluonkit.save(net, tmp_path / "net.safetensors")
    again = gluonkit.load(path)
    assert again.vocab.idx_to_token == net.vocab.idx_to_token
    close(run(again, name), expected)
    with_object = made(name, vocab=net.vocab, init="xavier")
    assert origin(with_object) is None  # a vocabulary cannot be written as text
    run(with_object, name)
    path = gluonkit.save(with_object, tmp_path / "other.safetensors")
    gluonkit.load(path, net=net)
    close(run(net, name), run(with_object, name))


@needs_gluonnlp
def test_exported(tmp_path):
    net = made("bert_12_768_12", init="xavier")
    inputs = arrays(drawn("bert_12_768_12"))
    assert gluonkit.export(net, tmp_path / "net", *inputs).difference < 1e-5
    pytest.importorskip("onnxruntime")
    gluonkit.export_onnx(net, tmp_path / "net.onnx", *inputs)  # compares its numbers itself


@needs_gluonnlp
def test_checked(array_mode):
    net = made("bert_12_768_12", init="xavier")
    assert gluonkit.check_hybrid(net, *arrays(drawn("bert_12_768_12"))).ok


@needs_gluonnlp
def test_a_classifier_learns(array_mode):
    import gluonnlp

    with legacy():
        net = gluonnlp.model.BERTClassifier(made("bert_12_768_12", dropout=0), num_classes=2)
    in_both_modes(net).initialize("xavier")
    random = numpy.random.default_rng(0)
    ids = random.integers(5, 50, (64, 6)).astype("int32")
    data = (
        ids,
        numpy.zeros_like(ids),
        numpy.full(64, 6, "float32"),
        (ids[:, 0] > 27).astype("int32"),
    )
    history = gluonkit.fit(
        net, data, epochs=15, batch_size=16, optimizer="adam",
        optimizer_params={"learning_rate": 3e-3},
    )  # fmt: skip
    assert not history.notes
    assert gluonkit.evaluate(net, data)["accuracy"] > 0.9


@needs_gluonnlp
def test_weights_with_dropout_are_trained(array_mode):
    """Compiled steps would train a copy of them; see `NotCompilableError`."""

    class Scores(gluon.Block):
        def __init__(self):
            super().__init__()
            self.inner = made("awd_lstm_lm_600", embed_size=8, hidden_size=16)

        def forward(self, ids):
            return self.inner(ids.T)[0][-1]

    net = Scores()
    net.initialize("xavier")
    ids = numpy.tile(numpy.arange(8, dtype="int32"), (16, 1))
    data = ids, (ids[:, -1] + 1).astype("int32")
    run_once = net(*arrays([ids]))
    run_once.wait_to_read()
    before = [parameter.list_data()[0].asnumpy() for parameter in net.collect_params().values()]
    gluonkit.fit(net, data, epochs=1, batch_size=8)
    after = [parameter.list_data()[0].asnumpy() for parameter in net.collect_params().values()]
    assert all((one != other).any() for one, other in zip(before, after, strict=True))


def zipped(name, contents):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr(name, contents)
    return stream.getvalue()


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Return a function that has a made-up store publish a network's weights and words."""
    from gluonnlp.data.utils import _vocab_sha1
    from mxnet.gluon.model_zoo.model_store import _model_sha1

    with ExitStack() as stack:

        def publish(name, dataset, net, words):
            path = tmp_path / "made-up.params"
            with legacy():
                net.save_parameters(str(path))
            sha1 = hashlib.sha1(path.read_bytes()).hexdigest()
            file = Published.weights(f"{name}_{dataset}", sha1)
            files = {file.address: zipped(file.file, path.read_bytes())}
            monkeypatch.setitem(_model_sha1, f"{name}_{dataset}", sha1)
            monkeypatch.setitem(WEIGHTS[name], dataset, sha1)
            for vocabulary, vocab in words.items():
                text = vocab.to_json()
                kept = VOCABULARIES[vocabulary]._replace(
                    sha1=hashlib.sha1(text.encode()).hexdigest()
                )
                file = Published.vocabulary(vocabulary, kept.sha1)
                files[file.address] = zipped(file.file, text)
                monkeypatch.setitem(VOCABULARIES, vocabulary, kept)
                monkeypatch.setitem(_vocab_sha1, vocabulary, [kept.sha1, ".vocab", {}])
            url = stack.enter_context(serving(files))
            monkeypatch.setenv("MXNET_GLUON_REPO", f"{url}/good")

        yield publish


@needs_gluonnlp
def test_pretrained(store, tmp_path, array_mode, capsys):
    name = "bert_12_768_12"
    net = made(name, init="xavier")
    expected = run(net, name)
    sizes = {o: v for o, v in SIZES[name].items() if o != "vocab"}
    store(name, "book_corpus_wiki_en_uncased", net, {"book_corpus_wiki_en_uncased": net.vocab})
    root = tmp_path / "root"
    words = create_model(f"gluonnlp/{name}", dataset_name="book_corpus_wiki_en_uncased", root=root)
    assert words.vocab.idx_to_token == net.vocab.idx_to_token
    assert [path.suffix for path in root.iterdir() if path.suffix != ".lock"] == [".vocab"]
    actual = create_model(f"gluonnlp/{name}", pretrained=True, root=root, ctx=mx.cpu(), **sizes)
    close(run(actual, name), expected)
    assert actual.vocab["word3"] == net.vocab["word3"]
    assert "Downloading" not in capsys.readouterr().out
    # Made anew from a file, it has its words still, and needs its weights no more.
    for file in root.glob("*.params"):
        file.unlink()
    assert "dataset_name='book_corpus_wiki_en_uncased'" in origin(actual)
    path = gluonkit.save(actual, tmp_path / "net.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MXNET_HOME", str(tmp_path / "home"))
        again = gluonkit.load(path)
    assert again.vocab.idx_to_token == net.vocab.idx_to_token
    close(run(again, name), expected)


@needs_gluonnlp
def test_pretrained_translator(store, tmp_path):
    name = "transformer_en_de_512"
    net = made(name, init="xavier")
    expected = run(net, name)
    store(name, "WMT2014", net, {"WMT2014_src": net.vocab, "WMT2014_tgt": net.vocab})
    sizes = {o: v for o, v in SIZES[name].items() if o != "vocab"}
    actual = create_model(f"gluonnlp/{name}", pretrained=True, root=tmp_path, **sizes)
    close(run(actual, name), expected)
    assert actual.target_vocab["word3"] == net.vocab["word3"]


@needs_gluonnlp
def test_pretrained_elmo(store, tmp_path):
    name = "elmo_2x1024_128_2048cnn_1xhighway"
    net = made(name, init="xavier")
    expected = run(net, name)
    store(name, "gbw", net, {})
    actual = create_model(f"gluonnlp/{name}", pretrained=True, root=tmp_path)
    close(run(actual, name), expected)
    assert origin(actual) == f"gluonnlp/{name}"


@needs_gluonnlp
def test_a_file_of_ones_own(tmp_path, array_mode):
    name = "bert_12_768_12"
    net = made(name, init="xavier")
    expected = run(net, name)
    path = gluonkit.save(net, tmp_path / "net.safetensors")
    actual = made(name, pretrained=path, vocab=net.vocab)
    close(run(actual, name), expected)
    assert actual.vocab is net.vocab
