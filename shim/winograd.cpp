#include "winograd.h"

#include <atomic>

#include <ATen/ops/bmm.h>

namespace rimforge {
namespace {

constexpr int64_t kSide = 4, kPlanes = 36;

// Below so many channels on a side, or in and out together, oneDNN's direct convolutions are as fast.
constexpr int64_t kLeastChannels = 32, kLeastPairs = 2048;

std::atomic<bool> allowed{true};

int64_t tiles_of(const Tensor& x) {
  const auto across = [](int64_t side) { return (side + kSide - 1) / kSide; };
  return x.size(0) * across(x.size(2)) * across(x.size(3));
}

// What a thread computes in, kept: new memory of that size would cost as much as the products.
enum Use { kOfImages, kOfOthers, kOfProducts, kUses };

// 36 planes of [rows, columns]. They lie a line of the cache further apart than a page, or the same place of all of
// them would fall on the same few lines.
Tensor planes(Use use, int64_t rows, int64_t columns) {
  thread_local Tensor kept[kUses];
  const int64_t page = 1024, apart = (rows * columns + page - 1) / page * page + 16;
  Tensor& memory = kept[use];
  if (!memory.defined() || memory.numel() < kPlanes * apart) memory = at::empty({kPlanes * apart}, at::kFloat);
  return memory.as_strided({kPlanes, rows, columns}, {apart, columns, 1});
}

// Planes [36, tiles, C] of what lies channels-last.
template <typename F>
Tensor into_planes(Use use, const Tensor& x, F&& kernel) {
  const Tensor from = channels_last(x);
  const int64_t tiles = tiles_of(x), channels = x.size(1);
  const Tensor v = planes(use, tiles, channels);
  const Tiles with{from.const_data_ptr<float>(), nullptr, v.mutable_data_ptr<float>(), x.size(2), x.size(3), channels,
                   v.stride(0)};
  at::parallel_for(0, tiles, std::max<int64_t>(1, 2048 / channels),
                   [&](int64_t first, int64_t last) { kernel(with, first, last); });
  return v;
}

// Images [N, C, H, W] out of planes [36, tiles, C].
Tensor out_of_planes(const Tensor& v, const Tensor& like) {
  const int64_t channels = v.size(2), height = like.size(2), width = like.size(3);
  const Tensor y = empty_channels_last({like.size(0), channels, height, width}, like);
  const Tiles with{nullptr, y.mutable_data_ptr<float>(), v.mutable_data_ptr<float>(), height, width, channels,
                   v.stride(0)};
  at::parallel_for(0, v.size(1), std::max<int64_t>(1, 2048 / channels),
                   [&](int64_t first, int64_t last) { kernels().from_tiles(with, first, last); });
  return y;
}

// Kernels [O, I, 3, 3] to planes [36, O, I], as they are or by half a turn.
Tensor kernel_planes(const Tensor& w, bool turned) {
  const Tensor dense = w.contiguous();
  const Tensor u = planes(kOfOthers, w.size(0), w.size(1));
  const float* const from = dense.const_data_ptr<float>();
  float* const to = u.mutable_data_ptr<float>();
  const int64_t apart = u.stride(0);
  at::parallel_for(0, w.size(0) * w.size(1), 4096, [&](int64_t first, int64_t last) {
    kernels().kernel_to_tiles(from, turned, to, apart, first, last);
  });
  return u;
}

Tensor product(const Tensor& a, const Tensor& b) {
  Tensor result = planes(kOfProducts, a.size(1), b.size(2));
  at::bmm_out(result, a, b);
  return result;
}
}  // namespace

bool has_tiles(const Tensor& x, int64_t outputs, at::IntArrayRef kernel, int64_t stride, int64_t padding,
               int64_t least) {
  const bool three = kernel.size() == 4 && kernel[2] == 3 && kernel[3] == 3 && stride == 1 && padding == 1;
  if (!three || !is_cpu_float(x) || x.dim() != 4 || !allowed.load(std::memory_order_relaxed)) return false;
  return std::min(x.size(1), outputs) >= kLeastChannels && x.size(1) * outputs >= kLeastPairs && tiles_of(x) >= least;
}

Tensor filtered_in_tiles(const Tensor& x, const Tensor& w) {
  const at::NoGradGuard off;
  return out_of_planes(product(into_planes(kOfImages, x, kernels().data_to_tiles), kernel_planes(w, false).transpose(1, 2)), x);
}

Tensor by_input_in_tiles(const Tensor& grad, const Tensor& w) {
  const at::NoGradGuard off;
  return out_of_planes(product(into_planes(kOfImages, grad, kernels().data_to_tiles), kernel_planes(w, true)), grad);
}

Tensor by_kernel_in_tiles(const Tensor& grad, const Tensor& x) {
  const at::NoGradGuard off;
  const Tensor products = product(into_planes(kOfOthers, grad, kernels().result_to_tiles).transpose(1, 2),
                                  into_planes(kOfImages, x, kernels().data_to_tiles));
  const Tensor w = at::empty({grad.size(1), x.size(1), 3, 3}, x.options().memory_format(at::MemoryFormat::Contiguous));
  const float* const from = products.const_data_ptr<float>();
  float* const to = w.mutable_data_ptr<float>();
  const int64_t apart = products.stride(0);
  at::parallel_for(0, grad.size(1) * x.size(1), 4096, [&](int64_t first, int64_t last) {
    kernels().kernel_from_tiles(from, apart, to, first, last);
  });
  return w;
}
}  // namespace rimforge

extern "C" {
void rf_set_tiles(int on) { rimforge::allowed = on != 0; }

int rf_has_tiles() { return rimforge::allowed ? 1 : 0; }
}
