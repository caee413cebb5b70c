"""Runs and models in a real local store of MLflow's, in SQLite. MLflow is optional."""

import numpy
import pytest

from gluonkit import Callback, create_model, data, fit, load, mx, nn, predict
from gluonkit.errors import ArgumentError, CheckpointError, MissingPackageError
from gluonkit.integrations import mlflow as integration
from tests.networks import sequential, values
from tests.test_fit import CLASSES, FEATURES, samples

try:
    import mlflow
except ImportError:
    mlflow = None
needs = pytest.mark.skipif(mlflow is None, reason="mlflow is optional (the extra `mlflow`)")
# MLflow and what it brings warn of themselves.
pytestmark = pytest.mark.filterwarnings("default")

TRAIN, VAL = samples(60), samples(40, seed=1)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Return MLflow's client of a new store in a file of SQLite's."""
    folder = tmp_path_factory.mktemp("store")
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    experiment = mlflow.create_experiment("test", artifact_location=(folder / "files").as_uri())
    mlflow.set_experiment(experiment_id=experiment)
    return mlflow.MlflowClient()


def made(**options):
    mx.random.seed(1)
    return create_model("mlp", units=(8,), classes=CLASSES, init="xavier", **options)


def artifact(run, path):
    from pathlib import Path

    return Path(mlflow.artifacts.download_artifacts(run_id=run, artifact_path=path))


@needs
def test_a_run_is_logged_and_its_model_predicts(store, tmp_path):
    net = made()
    with mlflow.start_run() as active:
        history = fit(
            net,
            TRAIN,
            val=VAL,
            epochs=3,
            batch_size=20,
            optimizer="adam",
            resume=tmp_path,
            callbacks=[integration.MLflow({"note": "mine"}, checkpoints=tmp_path)],
        )
        assert mlflow.active_run() is not None  # the caller's own run goes on
    run = store.get_run(active.info.run_id)
    assert run.info.status == "FINISHED"
    wanted = {
        "network": "mlp(units=(8,), classes=5)",
        "parameters": str(FEATURES * 8 + 8 + 8 * CLASSES + CLASSES),
        "optimizer": "Adam",
        "learning_rate": "0.001",
        "epochs": "3",
        "batches": "3",
        "batch_size": "20",
        "steps": "compiled",
        "note": "mine",
    }
    assert run.data.params == wanted
    for name in ("loss", "accuracy", "val_loss", "val_accuracy", "lr", "data_wait"):
        kept = store.get_metric_history(active.info.run_id, name)
        assert [(m.step, m.value) for m in kept] == list(enumerate(history[name], 1))
    assert artifact(active.info.run_id, "history.csv").read_text() == history.to_csv()
    assert artifact(active.info.run_id, "history.png").read_bytes()[:4] == b"\x89PNG"
    (file,) = artifact(active.info.run_id, "checkpoint").iterdir()
    assert all((a == b).all() for a, b in zip(values(load(file)), values(net), strict=True))
    again = mlflow.pyfunc.load_model(f"runs:/{active.info.run_id}/model")
    for count in (1, 7, 40):
        x = VAL[0][:count]
        numpy.testing.assert_allclose(again.predict(x), predict(net, x), rtol=1e-4, atol=1e-6)


@needs
def test_without_a_run_it_begins_one_and_ends_it_as_it_ended(store):
    class Fail(Callback):
        def on_epoch_end(self, run):
            if run.epoch == 2:
                raise RuntimeError("broken")

    fit(made(), TRAIN, epochs=1, callbacks=[integration.MLflow(model=None)])
    good = mlflow.last_active_run()
    assert (good.info.status, mlflow.active_run()) == ("FINISHED", None)
    with pytest.raises(RuntimeError, match="broken"):
        fit(made(), TRAIN, epochs=3, callbacks=[integration.MLflow(), Fail()])
    bad = mlflow.last_active_run()
    assert bad.info.run_id != good.info.run_id
    assert (bad.info.status, mlflow.active_run()) == ("FAILED", None)
    assert bad.data.metrics["loss"] > 0
    assert not [file for file in store.list_artifacts(bad.info.run_id) if file.path == "model"]


@needs
def test_models_of_pictures_tables_and_several_inputs(store, tmp_path):
    import pandas

    images = data.digits()[0][:5]
    lenet = create_model("lenet", init="xavier")
    wanted = predict(lenet, images)
    integration.save_model(lenet, tmp_path / "lenet", (1, 1, 28, 28))
    assert list((tmp_path / "lenet").rglob("net.safetensors"))
    model = mlflow.pyfunc.load_model(str(tmp_path / "lenet"))
    numpy.testing.assert_allclose(model.predict(images), wanted, rtol=1e-4, atol=1e-6)
    inner = integration.Model(next((tmp_path / "lenet").rglob("inputs.json")).parent)
    flat = inner.predict(pandas.DataFrame(images.reshape(5, -1)))
    numpy.testing.assert_allclose(flat, wanted, rtol=1e-4, atol=1e-6)
    with pytest.raises(
        ArgumentError, match=r"samples of shape \(5, 7\); give \(samples, 1, 28, 28\)"
    ):
        inner.predict(numpy.zeros((5, 7)))

    class Two(nn.HybridBlock):
        def __init__(self):
            super().__init__()
            self.dense = nn.Dense(3)

        def hybrid_forward(self, F, x, y):
            return self.dense(x), y * 2

    two = Two()
    two.initialize()
    x, y = numpy.ones((2, 4), "float32"), numpy.ones((2, 5), "float32")
    expected = [array.asnumpy() for array in two(mx.nd.array(x), mx.nd.array(y))]
    integration.save_model(two, tmp_path / "two", x, y)  # not create_model's: exported
    both = integration.Model(next((tmp_path / "two").rglob("inputs.json")).parent)
    for got in (both.predict([x, y]), both.predict({"0": x, "1": y})):
        for one, other in zip(got, expected, strict=True):
            numpy.testing.assert_allclose(one, other, rtol=1e-5)


@needs
def test_what_is_refused(store, tmp_path):
    with pytest.raises(ArgumentError, match="`inputs` are missing; give an array or a shape"):
        integration.save_model(made(), tmp_path / "a")
    changed = made()
    changed.add(nn.Dense(2))
    changed[2].initialize()
    changed(mx.nd.ones((1, FEATURES)))
    with pytest.raises(CheckpointError):
        integration.save_model(changed, tmp_path / "b", (1, FEATURES))
    own = sequential(nn.Dense(2))
    own.initialize()
    integration.save_model(own, tmp_path / "c", (1, FEATURES))
    assert mlflow.pyfunc.load_model(str(tmp_path / "c")).predict(TRAIN[0]).shape == (60, 2)


def test_without_mlflow_it_says_what_installs_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "mlflow", None)
    with pytest.raises(MissingPackageError, match='extra "mlflow" brings it'):
        fit(made(), TRAIN, epochs=1, callbacks=[integration.MLflow()])
