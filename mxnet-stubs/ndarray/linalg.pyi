# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from typing import Any

from mxnet.ndarray.ndarray import NDArray

def det(A: NDArray | None, out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Compute the determinant of a matrix."""
    ...
def extractdiag(A: NDArray | None, offset: int = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Extracts the diagonal entries of a square matrix."""
    ...
def extracttrian(A: NDArray | None, offset: int = ..., lower: bool = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Extracts a triangular sub-matrix from a square matrix."""
    ...
def gelqf(A: NDArray | None, out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """LQ factorization for general matrix."""
    ...
def gemm(A: NDArray | None, B: NDArray | None = ..., C: NDArray | None = ..., transpose_a: bool = ..., transpose_b: bool = ..., alpha: float = ..., beta: float = ..., axis: int = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Performs general matrix multiplication and accumulation."""
    ...
def gemm2(A: NDArray | None, B: NDArray | None = ..., transpose_a: bool = ..., transpose_b: bool = ..., alpha: float = ..., axis: int = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Performs general matrix multiplication."""
    ...
def inverse(A: NDArray | None, out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Compute the inverse of a matrix."""
    ...
def makediag(A: NDArray | None, offset: int = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Constructs a square matrix with the input as diagonal."""
    ...
def maketrian(A: NDArray | None, offset: int = ..., lower: bool = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Constructs a square matrix with the input representing a specific triangular sub-matrix."""
    ...
def potrf(A: NDArray | None, out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Performs Cholesky factorization of a symmetric positive-definite matrix."""
    ...
def potri(A: NDArray | None, out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Performs matrix inversion from a Cholesky factorization."""
    ...
def slogdet(A: NDArray | None, out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """Compute the sign and log of the determinant of a matrix."""
    ...
def sumlogdiag(A: NDArray | None, out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Computes the sum of the logarithms of the diagonal elements of a square matrix."""
    ...
def syevd(A: NDArray | None, out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """Eigendecomposition for symmetric matrix."""
    ...
def syrk(A: NDArray | None, transpose: bool = ..., alpha: float = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Multiplication of matrix with its transpose."""
    ...
def trmm(A: NDArray | None, B: NDArray | None = ..., transpose: bool = ..., rightside: bool = ..., lower: bool = ..., alpha: float = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Performs multiplication with a lower triangular matrix."""
    ...
def trsm(A: NDArray | None, B: NDArray | None = ..., transpose: bool = ..., rightside: bool = ..., lower: bool = ..., alpha: float = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Solves matrix equation involving a lower triangular matrix."""
    ...
