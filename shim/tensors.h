// What the differentiable operations of the shim share.
#pragma once

#include "kernels.h"
#include "rimforge_shim.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <type_traits>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

namespace rimforge {
using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Optional = std::optional<Tensor>;

// Off, this thread takes the plain operations that a GPU takes; for tests of those.
inline bool& use_kernels() {
  thread_local bool on = true;
  return on;
}

// Whether the kernels take x.
inline bool has_kernels(const Tensor& x) {
  return x.is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) && use_kernels();
}

// Whether x is an image, or features, that the float32 kernels take.
inline bool is_cpu_float(const Tensor& x) { return x.is_cpu() && x.scalar_type() == at::kFloat && use_kernels(); }

// The kernels trust that x [N, C, H, W] has pixels and channels; N may be 0.
inline void require_pixels(const Tensor& x) {
  TORCH_CHECK(x.dim() == 4, "activation of ", x.dim(), " axes");
  TORCH_CHECK(x.size(1) > 0 && x.size(2) > 0 && x.size(3) > 0, "activation of shape ", x.sizes());
}

// Row of the kernel table for x's element type.
inline int element(const Tensor& x) { return x.scalar_type() == at::kBFloat16; }

// x with the channels of a pixel side by side.
inline Tensor channels_last(const Tensor& x) {
  const Tensor dense = x.contiguous(at::MemoryFormat::ChannelsLast);
  if (dense.size(1) != 1) return dense;
  // One channel lies both ways; the strides tell libtorch which is meant.
  const int64_t height = dense.size(2), width = dense.size(3);
  return dense.as_strided(dense.sizes(), {height * width, 1, width, 1});
}

inline Tensor empty_channels_last(at::IntArrayRef sizes, const Tensor& like) {
  return at::empty(sizes, like.options(), at::MemoryFormat::ChannelsLast);
}

inline Optional optional(const Tensor* tensor) { return tensor ? Optional(*tensor) : std::nullopt; }

// The kernels sum over pixels by pieces of this size, whatever the number of threads, so that their sums do not depend
// on it.
constexpr int64_t kPiece = 1024;

// The pieces of an activation [N, C, H, W] that lies channels-last.
struct Pieces {
  int64_t images, channels, pixels, count;

  explicit Pieces(const Tensor& x)
      : images(x.size(0)), channels(x.size(1)), pixels(x.size(2) * x.size(3)), count((pixels + kPiece - 1) / kPiece) {}

  // Calls body(image, piece, first pixel, number of pixels) in parallel.
  template <typename F>
  void each(F&& body) const {
    const int64_t grain = std::max<int64_t>(1, 16384 / (channels * std::min(pixels, kPiece)));
    at::parallel_for(0, images * count, grain, [&](int64_t begin, int64_t end) {
      for (int64_t index = begin; index < end; ++index) {
        const int64_t piece = index % count, first = piece * kPiece;
        body(index / count, piece, first, std::min(kPiece, pixels - first));
      }
    });
  }

  // Those of the pieces of each image added up, [N, C].
  Tensor total(const Tensor& sums) const {
    if (count == 1) return sums.squeeze(1);
    const Tensor totals = at::empty({images, channels}, at::kFloat);
    const float* from = sums.const_data_ptr<float>();
    float* const to = totals.mutable_data_ptr<float>();
    for (int64_t image = 0; image < images; ++image) {
      for (int64_t channel = 0; channel < channels; ++channel) {
        float sum = 0;
        for (int64_t piece = 0; piece < count; ++piece) sum += from[(image * count + piece) * channels + channel];
        to[image * channels + channel] = sum;
      }
    }
    return totals;
  }

  // Place for a sum [N, C] of each piece.
  Tensor sums() const { return at::zeros({images, count, channels}, at::kFloat); }

  float* of(const Tensor& sums, int64_t image, int64_t piece) const {
    return sums.defined() ? sums.mutable_data_ptr<float>() + (image * count + piece) * channels : nullptr;
  }
};

// Bytes from the start of an activation to a pixel.
template <typename P>
inline P* at_pixel(P* base, const Pieces& pieces, int64_t image, int64_t pixel, size_t size) {
  using Byte = std::conditional_t<std::is_const_v<P>, const char, char>;
  return base ? static_cast<Byte*>(base) + (image * pieces.pixels + pixel) * pieces.channels * size : nullptr;
}

inline const void* data(const Tensor& t) { return t.defined() ? t.const_data_ptr() : nullptr; }
inline const float* floats(const Tensor& t) { return t.defined() ? t.const_data_ptr<float>() : nullptr; }
inline Tensor dense(const Tensor& t) { return t.defined() ? t.contiguous() : t; }
inline Tensor last(const Tensor& t) { return t.defined() ? channels_last(t) : t; }

// t times `gain`, cast to `kind`; for tensors of the size of a kernel, for which libtorch's two steps are mostly
// overhead.
inline Tensor times(const Tensor& t, double gain, at::ScalarType kind) {
  if (gain == 1.0 && t.scalar_type() == kind) return t;
  const bool from_float = t.scalar_type() == at::kFloat, to_float = kind == at::kFloat;
  const bool known = (from_float || t.scalar_type() == at::kBFloat16) && (to_float || kind == at::kBFloat16);
  const bool here = t.is_cpu() && use_kernels() && t.is_non_overlapping_and_dense();
  if (!here || !known || !(from_float || to_float)) return (t * gain).to(kind);
  const Tensor result = at::empty_like(t, t.options().dtype(kind));
  const float factor = static_cast<float>(gain);
  if (from_float) {
    kernels().from_float[element(result)](floats(t), factor, result.mutable_data_ptr(), t.numel());
  } else {
    kernels().to_float[element(t)](data(t), factor, result.mutable_data_ptr<float>(), t.numel());
  }
  return result;
}

// Runs the body and returns 0; where it throws, -1 and the reason for rf_last_error: no C++ exception may cross into
// Rust.
template <typename F>
int attempted(F&& body) {
  try {
    body();
    return 0;
  } catch (const std::exception& error) {
    rf_set_last_error(error.what());
  } catch (...) {
    rf_set_last_error("unknown C++ exception");
  }
  return -1;
}

// What the body makes, for Rust to own, or null and the reason.
template <typename T, typename F>
T* made(F&& body) {
  T* result = nullptr;
  attempted([&] { result = body(); });
  return result;
}

// A new tensor for Rust to own, or null and the reason.
template <typename F>
Tensor* handed_over(F&& body) {
  return made<Tensor>([&] { return new Tensor(body()); });
}
}  // namespace rimforge
