// Convolutions with 3x3 kernels, stride 1 and a border of one pixel of zeros, in fewer multiplications.
#pragma once

#include "tensors.h"

namespace rimforge {
// Whether the convolution of x to so many channels, or its derivative, is computed so: float32 on a CPU, and so many
// channels, and `least` tiles or more, that the products outweigh the way into tiles and back. By shape alone, so that
// the same network is computed alike everywhere.
bool has_tiles(const Tensor& x, int64_t outputs, at::IntArrayRef kernel, int64_t stride, int64_t padding,
               int64_t least);

// Tiles from which on a result or a derivative by the input gains, and one by the kernel, whose sum over all places is
// a slow one otherwise.
constexpr int64_t kTilesOfImages = 24, kTilesOfKernels = 8;

// x [N, I, H, W], w [O, I, 3, 3] -> [N, O, H, W].
Tensor filtered_in_tiles(const Tensor& x, const Tensor& w);
// The derivative by x: grad [N, O, H, W], w [O, I, 3, 3] -> [N, I, H, W].
Tensor by_input_in_tiles(const Tensor& grad, const Tensor& w);
// That by w: grad [N, O, H, W], x [N, I, H, W] -> [O, I, 3, 3].
Tensor by_kernel_in_tiles(const Tensor& grad, const Tensor& x);
}  // namespace rimforge
