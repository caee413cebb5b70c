"""Networks as scikit-learn's estimators: in pipelines, searches and cross-validation."""

from __future__ import annotations

import tempfile
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
from mxnet import gluon

from gluonkit._base.arguments import function_of
from gluonkit._base.checks import a_type, whole_number
from gluonkit._base.kinds import Array, Context
from gluonkit._base.optional import require
from gluonkit.checkpoint.loading import load
from gluonkit.checkpoint.saving import save
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.models import create_model, model_info, parse_model
from gluonkit.system.seeding import seed_everything
from gluonkit.train.callbacks import Callback
from gluonkit.train.evaluating import gives_shares, predict
from gluonkit.train.fitting import fit
from gluonkit.train.state import put_streams, raw_streams

_validation: Any = require("sklearn.utils.validation", extra="sklearn")
_Base: Any = require("sklearn.base", extra="sklearn").BaseEstimator
_Classifier: Any = require("sklearn.base", extra="sklearn").ClassifierMixin
_Regressor: Any = require("sklearn.base", extra="sklearn").RegressorMixin

Builder = Callable[[int], gluon.Block]


class _GluonEstimator(_Base):
    """What both estimators do alike: build a network, train it, predict, and be pickled."""

    def __init__(
        self,
        net: str | Builder = "mlp",
        *,
        epochs: int = 50,
        loss: Any = "auto",
        optimizer: str = "adam",
        optimizer_params: Mapping[str, Any] | None = None,
        batch_size: int = 64,
        callbacks: Sequence[Callback] = (),
        ctx: Context | None = None,
        random_state: Any = None,
    ) -> None:
        self.net = net
        self.epochs = epochs
        self.loss = loss
        self.optimizer = optimizer
        self.optimizer_params = optimizer_params
        self.batch_size = batch_size
        self.callbacks = callbacks
        self.ctx = ctx
        self.random_state = random_state

    def _train(self, X: Array, y: Array, outputs: int, loss: Any) -> None:
        """Build a network of so many outputs, and train it."""
        size = min(whole_number("batch_size", self.batch_size), len(X))
        draws = require("sklearn.utils", extra="sklearn").check_random_state(self.random_state)
        seed = int(draws.randint(2**31 - 1))
        with _own_streams():
            seed_everything(seed)
            net = self._built(outputs)
            net.initialize("xavier", ctx=self.ctx)
            self.history_ = fit(
                net,
                (X, y),
                epochs=self.epochs,
                loss=loss,
                optimizer=self.optimizer,
                optimizer_params=self.optimizer_params,
                metrics=(),
                callbacks=self.callbacks,
                batch_size=self.batch_size,
                seed=seed,
                progress=False,
            )
        self.net_, self.batch_size_ = net, size
        made = self._outputs(X[:1])
        if made.shape[1:] != (outputs,):
            raise ArgumentError(
                f"`net` gives outputs of shape {made.shape} for one sample; give a network with "
                f"{outputs} outputs: a function of their number that returns it"
            )

    def _built(self, outputs: int) -> gluon.Block:
        """Return a new network without values."""
        if isinstance(self.net, str):
            name, options = parse_model(self.net)
            if "classes" in model_info(name).options:
                options.setdefault("classes", outputs)
            return create_model(name, **options)
        if isinstance(self.net, gluon.Block) or not function_of(1).accepts(self.net):
            raise ArgumentTypeError(
                f"`net` is {a_type(self.net)}; give the name of a model, such as "
                "'mlp(units=(64,))', or a function of the number of outputs that returns a network"
            )
        made = self.net(outputs)
        if not isinstance(made, gluon.Block):
            raise ArgumentTypeError(f"`net` returns {a_type(made)}; return a Gluon block")
        return made

    def _outputs(self, X: Array) -> Array:
        """Return the network's outputs.

        All batches have the same size, the last one filled up: there is one graph, and what a
        sample gets depends on those beside it by rounding at most.
        """
        missing = -len(X) % self.batch_size_
        filled = numpy.concatenate([X, numpy.repeat(X[-1:], missing, axis=0)]) if missing else X
        made = predict(self.net_, filled, batch_size=self.batch_size_, ctx=self.ctx)
        outputs: Array = made[: len(X)]
        return outputs

    def _checked(self, X: Any) -> Array:
        """Check samples that are to be predicted."""
        _validation.check_is_fitted(self)
        checked: Array = _validation.validate_data(
            self, X, reset=False, dtype=numpy.float32, allow_nd=True
        )
        return checked

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for pickling, with the network as bytes of a file of `save`."""
        state = dict(super().__getstate__())
        if "net_" in state:
            state["net_"] = _as_bytes(state["net_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a state, with a new network that gets the values that were saved."""
        state = dict(state)
        contents = state.pop("net_", None)
        super().__setstate__(state)
        if contents is not None:
            self.net_ = self._from_bytes(contents)

    def _from_bytes(self, contents: bytes) -> gluon.Block:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "net.safetensors"
            path.write_bytes(contents)
            return load(path, net=self._built(self._count()), ctx=self.ctx)

    @abstractmethod
    def _count(self) -> int:
        """Return the number of the network's outputs."""


class GluonClassifier(_Classifier, _GluonEstimator):
    """A network as a classifier of scikit-learn's.

    It works in `Pipeline`, `GridSearchCV`, `cross_val_score` and what else takes an estimator.
    Clones are independent; a pickle holds the weights in the format of `save`, and the function
    that builds the network, if there is one, by its name.

    Parameters
    ----------
    net : str or callable, default 'mlp'
        The name of a model, with options (``"mlp(units=(64, 32))"``), or a function of the number
        of outputs that returns a network without values. For pickles it must be importable.
    epochs : int, default 50
        Number of epochs.
    loss : str, gluon.loss.Loss or callable, default 'auto'
        As for `fit`; labels are class numbers.
    optimizer : str, default 'adam'
        Name of one of MXNet's optimizers.
    optimizer_params : mapping, optional
        Its options.
    batch_size : int, default 64
        Samples in a batch, of training and prediction.
    callbacks : sequence of Callback, default ()
        As for `fit`.
    ctx : Context, optional
        The device.
    random_state : int, RandomState or None, default None
        What initial weights, order and dropout depend on.

    Attributes
    ----------
    classes_ : numpy.ndarray
        The labels, of any kind, in the order of the outputs.
    net_ : gluon.Block
        The trained network, a plain Gluon block.
    history_ : History
        The figures of the training.
    batch_size_ : int
        Samples that are trained and predicted at a time, no more than there were in training.
    n_features_in_ : int
        Length of the second axis of the samples.

    Notes
    -----
    Samples are arrays of shape ``(samples, features)``, or of more axes, such as pictures; they are
    converted to float32. There are no weights of samples. scikit-learn 1.6 or later.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from gluonkit.integrations.sklearn import GluonClassifier
    >>> x, y = load_digits(return_X_y=True)
    >>> net = GluonClassifier("mlp(units=(64,))", epochs=10, random_state=0)
    >>> bool(cross_val_score(make_pipeline(StandardScaler(), net), x, y, cv=3).mean() > 0.8)
    True
    """

    def fit(self, X: Any, y: Any) -> GluonClassifier:
        """Train a new network.

        Parameters
        ----------
        X : array-like
            Samples of shape ``(samples, ...)``.
        y : array-like
            One label for each sample.

        Returns
        -------
        GluonClassifier
            This estimator.
        """
        X, y = _validation.validate_data(self, X, y, dtype=numpy.float32, allow_nd=True)
        require("sklearn.utils.multiclass", extra="sklearn").check_classification_targets(y)
        self.classes_, numbers = numpy.unique(y, return_inverse=True)
        self._train(X, numbers.astype("int32"), len(self.classes_), self.loss)
        self._gives_shares = gives_shares(self.net_, X[:1], self.ctx)
        return self

    def predict(self, X: Any) -> Array:
        """Return the class of each sample.

        Parameters
        ----------
        X : array-like
            Samples as in `fit`.

        Returns
        -------
        numpy.ndarray
            Labels of shape ``(samples,)``.
        """
        places = self._outputs(self._checked(X)).argmax(axis=1)
        answers: Array = self.classes_[places]
        return answers

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like
            Samples as in `fit`.

        Returns
        -------
        numpy.ndarray
            Shape ``(samples, classes)``, float32: the network's outputs where it ends in a softmax,
            else their softmax.
        """
        # In float64, so that sums are one but for the last digit of float32.
        outputs = self._outputs(self._checked(X)).astype("float64")
        if not self._gives_shares:
            outputs = numpy.exp(outputs - outputs.max(axis=1, keepdims=True))
        shares: Array = (outputs / outputs.sum(axis=1, keepdims=True)).astype("float32")
        return shares

    def _count(self) -> int:
        return len(self.classes_)


class GluonRegressor(_Regressor, _GluonEstimator):
    """A network as a regressor of scikit-learn's; see `GluonClassifier`.

    Parameters
    ----------
    net : str or callable, default 'mlp'
        As for `GluonClassifier`.
    epochs : int, default 50
        Number of epochs.
    loss : str, gluon.loss.Loss or callable, default 'auto'
        As for `fit`; 'auto' is half the square.
    optimizer : str, default 'adam'
        Name of one of MXNet's optimizers.
    optimizer_params : mapping, optional
        Its options.
    batch_size : int, default 64
        Samples in a batch, of training and prediction.
    callbacks : sequence of Callback, default ()
        As for `fit`.
    ctx : Context, optional
        The device.
    random_state : int, RandomState or None, default None
        What initial weights, order and dropout depend on.

    Attributes
    ----------
    net_ : gluon.Block
        The trained network, a plain Gluon block.
    history_ : History
        The figures of the training.
    batch_size_ : int
        Samples that are trained and predicted at a time, no more than there were in training.
    n_features_in_ : int
        Length of the second axis of the samples.
    n_outputs_ : int
        How many numbers each sample has.

    Notes
    -----
    Labels are not scaled; `sklearn.compose.TransformedTargetRegressor` does that.

    Examples
    --------
    >>> import numpy
    >>> from gluonkit.integrations.sklearn import GluonRegressor
    >>> x = numpy.random.default_rng(0).normal(size=(200, 4))
    >>> net = GluonRegressor(epochs=100, random_state=0).fit(x, x.sum(axis=1))
    >>> net.score(x, x.sum(axis=1)) > 0.9
    True
    """

    def fit(self, X: Any, y: Any) -> GluonRegressor:
        """Train a new network.

        Parameters
        ----------
        X : array-like
            Samples of shape ``(samples, ...)``.
        y : array-like
            Numbers of shape ``(samples,)`` or ``(samples, outputs)``.

        Returns
        -------
        GluonRegressor
            This estimator.
        """
        options = {"multi_output": True, "y_numeric": True}
        X, y = _validation.validate_data(self, X, y, dtype=numpy.float32, allow_nd=True, **options)
        # A column is what most estimators warn of, and take for one number each.
        y = _validation.column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        self._is_flat = y.ndim == 1
        numbers = y.reshape(len(y), -1).astype("float32")
        self.n_outputs_ = numbers.shape[1]
        loss = "l2" if isinstance(self.loss, str) and self.loss == "auto" else self.loss
        self._train(X, numbers, self.n_outputs_, loss)
        return self

    def predict(self, X: Any) -> Array:
        """Return the numbers of each sample.

        Parameters
        ----------
        X : array-like
            Samples as in `fit`.

        Returns
        -------
        numpy.ndarray
            Shape ``(samples,)`` or ``(samples, outputs)``, as the labels had.
        """
        outputs = self._outputs(self._checked(X)).astype("float64")  # as scikit-learn's own do
        numbers: Array = outputs[:, 0] if self._is_flat else outputs
        return numbers

    def _count(self) -> int:
        return int(self.n_outputs_)

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: there may be several outputs."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


@contextmanager
def _own_streams() -> Iterator[None]:
    """Leave NumPy's and Python's global streams as they are, whatever is seeded within."""
    before = raw_streams()
    try:
        yield
    finally:
        put_streams(before)


def _as_bytes(net: gluon.Block) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return save(net, Path(folder) / "net.safetensors").read_bytes()
