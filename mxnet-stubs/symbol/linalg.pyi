# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from typing import Any

from mxnet.autograd import Symbol

def det(A: Symbol | None, name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Symbol:
    """Compute the determinant of a matrix."""
    ...
def extractdiag(A: Symbol | None, offset: int = ..., name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Symbol:
    """Extracts the diagonal entries of a square matrix."""
    ...
def extracttrian(A: Symbol | None, offset: int = ..., lower: bool = ..., name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Symbol:
    """Extracts a triangular sub-matrix from a square matrix."""
    ...
def gelqf(A: Symbol | None, name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Any:
    """LQ factorization for general matrix."""
    ...
def gemm(A: Symbol | None, B: Symbol | None = ..., C: Symbol | None = ..., transpose_a: bool = ..., transpose_b: bool = ..., alpha: float = ..., beta: float = ..., axis: int = ..., name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Symbol:
    """Performs general matrix multiplication and accumulation."""
    ...
def gemm2(A: Symbol | None, B: Symbol | None = ..., transpose_a: bool = ..., transpose_b: bool = ..., alpha: float = ..., axis: int = ..., name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Symbol:
    """Performs general matrix multiplication."""
    ...
def inverse(A: Symbol | None, name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Symbol:
    """Compute the inverse of a matrix."""
    ...
def makediag(A: Symbol | None, offset: int = ..., name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Symbol:
    """Constructs a square matrix with the input as diagonal."""
    ...
def maketrian(A: Symbol | None, offset: int = ..., lower: bool = ..., name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Symbol:
    """Constructs a square matrix with the input representing a specific triangular sub-matrix."""
    ...
def potrf(A: Symbol | None, name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Symbol:
    """Performs Cholesky factorization of a symmetric positive-definite matrix."""
    ...
def potri(A: Symbol | None, name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Symbol:
    """Performs matrix inversion from a Cholesky factorization."""
    ...
def slogdet(A: Symbol | None, name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Any:
    """Compute the sign and log of the determinant of a matrix."""
    ...
def sumlogdiag(A: Symbol | None, name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Symbol:
    """Computes the sum of the logarithms of the diagonal elements of a square matrix."""
    ...
def syevd(A: Symbol | None, name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Any:
    """Eigendecomposition for symmetric matrix."""
    ...
def syrk(A: Symbol | None, transpose: bool = ..., alpha: float = ..., name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Symbol:
    """Multiplication of matrix with its transpose."""
    ...
def trmm(A: Symbol | None, B: Symbol | None = ..., transpose: bool = ..., rightside: bool = ..., lower: bool = ..., alpha: float = ..., name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Symbol:
    """Performs multiplication with a lower triangular matrix."""
    ...
def trsm(A: Symbol | None, B: Symbol | None = ..., transpose: bool = ..., rightside: bool = ..., lower: bool = ..., alpha: float = ..., name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Symbol:
    """Solves matrix equation involving a lower triangular matrix."""
    ...
