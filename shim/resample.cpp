// The low-pass filter that doubling and halving go with. It is linear, and the derivative of each kind is another kind.
#include "tensors.h"

#include <vector>

namespace rimforge {
namespace {

Resample transposed(Resample mode) {
  switch (mode) {
    case Resample::Grow:
      return Resample::Shrink;
    case Resample::Shrink:
      return Resample::Grow;
    case Resample::Halve:
      return Resample::Double;
    default:
      return Resample::Halve;
  }
}

// [1, 3, 3, 1] / 8, made on the device: nothing of a captured graph may come from the host.
Tensor taps(const Tensor& like) {
  Tensor values = at::full({4}, 0.375, like.options().dtype(at::kFloat));
  values.slice(0, 0, 4, 3).fill_(0.125);
  return values;
}

// The same by a depthwise convolution of libtorch. Its own second derivative is a convolution for each channel with a
// kernel as large as the image, for a kernel's gradient that nobody asks for; ours is another filter.
Tensor by_libtorch(const Tensor& x, Resample mode, double gain) {
  const int64_t channels = x.size(1);
  const Tensor line = taps(x), kernel = (line.outer(line) * gain).to(x.scalar_type()).expand({channels, 1, 4, 4});
  if (mode == Resample::Double) return at::conv_transpose2d(x, kernel, {}, 2, 1, 0, channels);
  const int64_t stride = mode == Resample::Halve ? 2 : 1, padding = mode == Resample::Grow ? 2 : 1;
  return at::conv2d(x, kernel, {}, stride, padding, 1, channels);
}

struct Filter : torch::autograd::Function<Filter> {
  static Tensor forward(AutogradContext* ctx, const Tensor& input, int64_t kind, double gain) {
    const Resample mode = static_cast<Resample>(kind);
    ctx->saved_data["mode"] = kind;
    ctx->saved_data["gain"] = gain;
    if (!has_kernels(input)) return by_libtorch(input, mode, gain);
    const Tensor x = channels_last(input);
    const int64_t images = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3);
    const int64_t rows = resampled(mode, height), columns = resampled(mode, width);
    Tensor y = empty_channels_last({images, channels, rows, columns}, x);
    const auto run = kernels().low_pass[element(x)];
    const size_t size = x.element_size();
    const char* const from = static_cast<const char*>(x.const_data_ptr());
    char* const to = static_cast<char*>(y.mutable_data_ptr());
    const int64_t grain = std::max<int64_t>(1, 16384 / (channels * columns));
    at::parallel_for(0, images * rows, grain, [&](int64_t begin, int64_t end) {
      std::vector<float> row((width + 4) * channels);
      while (begin < end) {
        const int64_t image = begin / rows, first = begin % rows, last = std::min(rows, first + end - begin);
        const LowPass with = {from + image * height * width * channels * size,
                              to + image * rows * columns * channels * size,
                              height,
                              width,
                              channels,
                              mode,
                              static_cast<float>(gain),
                              row.data()};
        run(with, first, last);
        begin += last - first;
      }
    });
    return y;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const Resample mode = static_cast<Resample>(ctx->saved_data["mode"].toInt());
    const double gain = ctx->saved_data["gain"].toDouble();
    const Tensor g = Filter::apply(grads[0], static_cast<int64_t>(transposed(mode)), gain);
    return {g, Tensor(), Tensor()};
  }
};
}  // namespace
}  // namespace rimforge

using namespace rimforge;

extern "C" {

Tensor* rf_low_pass(const Tensor* x, int mode, double gain) {
  return handed_over([&]() -> Tensor {
    const Tensor& input = *x;
    TORCH_CHECK(input.dim() == 4, "image of ", input.dim(), " axes");
    const Resample kind = static_cast<Resample>(mode);
    TORCH_CHECK(input.size(1) > 0 && resampled(kind, input.size(2)) > 0 && resampled(kind, input.size(3)) > 0,
                "image of shape ", input.sizes());
    // Doubling is the derivative of halving only where nothing is cut off.
    const bool reversible = kind != Resample::Halve || (input.size(2) % 2 == 0 && input.size(3) % 2 == 0);
    return reversible ? Filter::apply(input, mode, gain) : by_libtorch(input, kind, gain);
  });
}
}
