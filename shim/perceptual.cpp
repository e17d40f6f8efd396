// Distances between the features of images, in one pass forward and one backward. Differentiable once.
#include "tensors.h"

#include <cmath>

namespace rimforge {
namespace {

constexpr int64_t kRows = 512;

void once() { TORCH_CHECK(!at::GradMode::is_enabled(), "a distance between features can be differentiated only once"); }

// x [N, C, H, W] -> [N, H W C]: the vector at each pixel at length `factor`.
struct Unit : torch::autograd::Function<Unit> {
  static Tensor forward(AutogradContext* ctx, const Tensor& input, double factor) {
    const Tensor x = channels_last(input);
    const int64_t images = x.size(0), channels = x.size(1), pixels = x.size(2) * x.size(3);
    Tensor y = at::empty({images, pixels * channels}, x.options());
    const float* const from = floats(x);
    float* const to = y.mutable_data_ptr<float>();
    at::parallel_for(0, images * pixels, kRows, [&](int64_t begin, int64_t end) {
      kernels().unit(from + begin * channels, static_cast<float>(factor), to + begin * channels, channels, end - begin);
    });
    ctx->save_for_backward({input});
    ctx->saved_data["factor"] = factor;
    return y;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    once();
    const Tensor x = channels_last(ctx->get_saved_variables()[0]), g = grads[0].contiguous();
    const int64_t channels = x.size(1);
    Tensor gx = at::empty_like(x);
    const float *const from = floats(x), *const along = floats(g);
    float* const to = gx.mutable_data_ptr<float>();
    const float factor = static_cast<float>(ctx->saved_data["factor"].toDouble());
    at::parallel_for(0, x.numel() / channels, kRows, [&](int64_t begin, int64_t end) {
      const int64_t at = begin * channels;
      kernels().unit_backward(along + at, from + at, factor, to + at, channels, end - begin);
    });
    return {gx, Tensor()};
  }
};

// a, b [N, F] -> [N].
struct Squares : torch::autograd::Function<Squares> {
  static Tensor forward(AutogradContext* ctx, const Tensor& first, const Tensor& second) {
    const Tensor a = first.contiguous(), b = second.contiguous();
    const int64_t images = a.size(0), length = a.size(1);
    Tensor sums = at::empty({images}, a.options());
    float* const to = sums.mutable_data_ptr<float>();
    at::parallel_for(0, images, 1, [&](int64_t begin, int64_t end) {
      for (int64_t image = begin; image < end; ++image) {
        to[image] = kernels().squares(floats(a) + image * length, floats(b) + image * length, length);
      }
    });
    ctx->save_for_backward({first, second});
    return sums;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    once();
    const auto saved = ctx->get_saved_variables();
    const Tensor a = saved[0].contiguous(), b = saved[1].contiguous(), g = grads[0].contiguous();
    const int64_t images = a.size(0), length = a.size(1);
    Tensor ga = at::empty_like(a);
    float* const to = ga.mutable_data_ptr<float>();
    at::parallel_for(0, images, 1, [&](int64_t begin, int64_t end) {
      for (int64_t image = begin; image < end; ++image) {
        const int64_t at = image * length;
        kernels().squares_backward(floats(a) + at, floats(b) + at, floats(g)[image], to + at, length);
      }
    });
    // Inputs without a gradient take none.
    return {ga, saved[1].requires_grad() ? -ga : Tensor()};
  }
};
}  // namespace
}  // namespace rimforge

using namespace rimforge;

extern "C" {

Tensor* rf_unit_features(const Tensor* x) {
  return handed_over([&]() -> Tensor {
    const Tensor& input = *x;
    require_pixels(input);
    const double factor = 1.0 / std::sqrt(static_cast<double>(input.size(2) * input.size(3)));
    if (is_cpu_float(input)) return Unit::apply(input, factor);
    const Tensor norm = (input.square().sum(1, /*keepdim=*/true) + 1e-10).sqrt();
    return (input / norm * factor).permute({0, 2, 3, 1}).flatten(1);
  });
}

Tensor* rf_squared_distance(const Tensor* a, const Tensor* b) {
  return handed_over([&]() -> Tensor {
    const Tensor &first = *a, &second = *b;
    TORCH_CHECK(first.dim() == 2 && first.sizes() == second.sizes(), "features of shape ", second.sizes());
    if (is_cpu_float(first) && is_cpu_float(second)) return Squares::apply(first, second);
    return (first - second).square().sum(1);
  });
}
}
