# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Sequence
from typing import Any, Literal

from mxnet.numpy import ndarray

def cholesky(a: Any) -> Any:
    """Cholesky decomposition."""
    ...
def det(a: Any) -> Any:
    """Compute the determinant of an array."""
    ...
def eig(a: Any) -> Any:
    """Compute the eigenvalues and right eigenvectors of a square array."""
    ...
def eigh(a: Any, UPLO: Literal['L', 'U'] = 'L') -> Any:
    """Return the eigenvalues and eigenvectors real symmetric matrix."""
    ...
def eigvals(a: Any) -> Any:
    """Compute the eigenvalues of a general matrix."""
    ...
def eigvalsh(a: Any, UPLO: Literal['L', 'U'] = 'L') -> Any:
    """Compute the eigenvalues real symmetric matrix."""
    ...
def inv(a: Any) -> Any:
    """Compute the (multiplicative) inverse of a matrix."""
    ...
def norm(x: ndarray, ord: Literal['fro'] | None = None, axis: Any = None, keepdims: bool = False) -> float | ndarray:
    """Matrix or vector norm."""
    ...
def pinv(a: Any, rcond: Any = 1e-15, hermitian: bool = False) -> Any:
    """Compute the (Moore-Penrose) pseudo-inverse of a matrix."""
    ...
def slogdet(a: Any) -> Any:
    """Compute the sign and (natural) logarithm of the determinant of an array."""
    ...
def solve(a: Any, b: Any) -> Any:
    """Solve a linear matrix equation, or system of linear scalar equations."""
    ...
def svd(a: Any) -> Any:
    """Singular Value Decomposition."""
    ...
def tensorinv(a: Any, ind: int = 2) -> ndarray:
    """Compute the 'inverse' of an N-dimensional array."""
    ...
def tensorsolve(a: ndarray, b: ndarray, axes: Sequence[int] | None = None) -> ndarray:
    """Solve the tensor equation ``a x = b`` for x."""
    ...
