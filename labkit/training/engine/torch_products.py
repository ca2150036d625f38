"""Products of small matrices in registers: the one door to the templates of torch's compiler.

The compiler leaves products to MKL, which packs both matrices for each of them and, on processors
other than Intel's, uses half of the width of the registers. For the matrices of a meta-step, a few
dozen rows and columns, loops over blocks that fit the registers take half of the time or less.

Checked by `tests/training/test_recording.py`; without these interfaces products are MKL's.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, final
from unittest.mock import patch

import torch

from labkit.training.engine.fallback import private_interface

with private_interface("torch._inductor.codegen.cpp_template.CppTemplate"):
    from torch._inductor import config, lowering
    from torch._inductor.codegen.cpp_template import CppTemplate
    from torch._inductor.kernel.mm_common import mm_args

LARGEST = 4096
"""Entries of a right matrix, which is read for each block of rows: more would not stay in cache."""

SHARED_FROM = 1 << 20
"""Multiplications of a batch from which on threads share them."""

_TYPES = {torch.float32: "float", torch.float64: "double"}

_SOURCE = """\
#include <torch/csrc/inductor/cpp_prefix.h>
#include <c10/util/Unroll.h>
extern "C" {signature}
{{
    using T = {type};
    using Vec = at::vec::Vectorized<T>;
    constexpr int64_t B = {batch}, M = {m}, N = {n}, K = {k};
    constexpr int width = Vec::size();
    // rows of 3 vectors with their sums in registers: of 512 bits there are 32, else 16
    constexpr int64_t most = width * sizeof(T) == 64 ? 8 : 4;
    constexpr int64_t blocks = (M + most - 1) / most;
    constexpr int rows = (M + blocks - 1) / blocks;
    // blocks of as many rows; the others have one less
    constexpr int64_t whole = M - (rows - 1) * blocks;
    {pragma}
    for (int64_t part = 0; part < B * {parts}; ++part) {{
        const int64_t b = part / {parts}, p = part % {parts};
        const T* x = &{x};
        const T* w = &{w};
        T* y = Y + b * (M * N);
        {transposed}
        auto block = [&](auto rows_, auto vectors_, auto last_, int64_t i, int64_t j) {{
            constexpr int R = decltype(rows_)::value, C = decltype(vectors_)::value;
            constexpr int last = decltype(last_)::value;
            Vec sums[R * C];
            c10::ForcedUnroll<R * C>{{}}([&](auto at) {{ sums[at] = Vec(T(0)); }});
            for (int64_t k = 0; k < K; ++k) {{
                Vec right[C];
                c10::ForcedUnroll<C>{{}}([&](auto c) {{
                    const T* from = w + k * {w_row} + j + c * width;
                    right[c] = c + 1 < C ? Vec::loadu(from) : Vec::loadu(from, last);
                }});
                c10::ForcedUnroll<R>{{}}([&](auto r) {{
                    const Vec left(x[(i + r) * {x_row} + k * {x_column}]);
                    c10::ForcedUnroll<C>{{}}([&](auto c) {{
                        sums[r * C + c] = at::vec::fmadd(left, right[c], sums[r * C + c]);
                    }});
                }});
            }}
            c10::ForcedUnroll<R>{{}}([&](auto r) {{
                c10::ForcedUnroll<C>{{}}([&](auto c) {{
                    T* to = y + (i + r) * N + j + c * width;
                    c + 1 < C ? sums[r * C + c].store(to) : sums[r * C + c].store(to, last);
                }});
            }});
        }};
        auto all_rows = [&](auto vectors, auto last, int64_t j) {{
            for (int64_t q = blocks * p / {parts}; q < blocks * (p + 1) / {parts}; ++q) {{
                if (q < whole) {{
                    block(std::integral_constant<int, rows>{{}}, vectors, last, q * rows, j);
                }} else if constexpr (rows > 1) {{
                    const int64_t i = q * (rows - 1) + whole;
                    block(std::integral_constant<int, rows - 1>{{}}, vectors, last, i, j);
                }}
            }}
        }};
        constexpr int vectors = (N + width - 1) / width;
        constexpr int left_over = (vectors - 1) % 3 + 1;
        int64_t j = 0;
        for (; j < (vectors - left_over) * width; j += 3 * width) {{
            all_rows(
                std::integral_constant<int, 3>{{}}, std::integral_constant<int, width>{{}}, j);
        }}
        all_rows(
            std::integral_constant<int, left_over>{{}},
            std::integral_constant<int, N - (vectors - 1) * width>{{}}, j);
    }}
}}
"""
"""Each lambda is one function for all blocks of its size; sizes are known to the C++ compiler."""

_TRANSPOSED = """\
alignas(64) T packed[K * N];
        at::vec::transpose_mxn<T>(w, {w_column}, packed, N, N, K);
        w = packed;"""


@final
class _Products(CppTemplate):  # type: ignore[misc, no-any-unimported, unused-ignore]
    """X W for each matrix of a batch, or for one pair of matrices."""

    def render(self, **options: Any) -> str:
        """The source of a function from X and W to Y, with all sizes in it."""
        kernel, (left, right) = options["kernel"], self.input_nodes
        output: Any = options.get("template_buffer_node") or self.output_node
        *batches, m, k = map(int, left.get_size())
        batch, n = (batches or [1])[0], int(right.get_size()[-1])
        x_row, x_column = map(int, left.get_stride()[-2:])
        w_row, w_column = map(int, right.get_stride()[-2:])
        threads = self.num_threads if batch * m * n * k >= SHARED_FROM else 1
        first = ["b"] * len(batches) + [0, 0]
        return _SOURCE.format(
            signature=kernel.def_kernel(inputs={"X": left, "W": right}, outputs={"Y": output}),
            pragma=f"#pragma omp parallel for num_threads({threads})" if threads > 1 else "",
            parts=threads if batch < threads else 1,
            type=_TYPES[left.get_dtype()],
            x=kernel.index(left, first),
            w=kernel.index(right, first),
            transposed="" if w_column == 1 else _TRANSPOSED.format(w_column=w_column),
            w_row=w_row if w_column == 1 else n,
            **{"batch": batch, "m": m, "n": n, "k": k, "x_row": x_row, "x_column": x_column},
        )


@contextmanager
def small_products() -> Iterator[None]:
    """Have products of small matrices compiled to loops, while the block is active."""
    usual = lowering.lowerings
    ours = {operation: _lowering(usual[operation]) for operation in _OPERATIONS}
    # the loops end with a store of their sums, where nothing can be added
    with patch.dict(usual, ours), config.patch(epilogue_fusion=False):
        yield


_OPERATIONS = (torch.ops.aten.bmm.default, torch.ops.aten.mm.default)


def _lowering(usual: Callable[..., Any]) -> Callable[..., Any]:
    """Of a product: to our loops where both matrices are small, and otherwise as usual."""
    arguments_of: Callable[..., Any] = mm_args

    def lower(left: Any, right: Any, *args: Any, **options: Any) -> Any:
        if args or options or not _is_small(left, right):
            return usual(left, right, *args, **options)
        *_, layout, left, right = arguments_of(left, right)
        for matrix in (left, right):
            matrix.freeze_layout()
        if left.get_name() == right.get_name() or 1 not in right.get_stride()[-2:]:
            return usual(left, right)
        threads = torch.get_num_threads()
        template: Any = _Products("products", [left, right], layout, threads)
        return template.generate().output_node()

    return lower


def _is_small(left: Any, right: Any) -> bool:
    sizes = [*left.get_size(), *right.get_size()]
    if left.get_dtype() not in _TYPES or not all(size == int(size) for size in sizes):
        return False
    m, (k, n) = left.get_size()[-2], right.get_size()[-2:]
    # vectors are sums, which the compiler joins with the operations around them
    return bool(min(m, k, n) > 1 and k * n <= LARGEST)
