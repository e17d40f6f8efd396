// Two operations that StyleGAN2 spends its memory traffic on, each one pass over the activations forward and one
// backward. Both can be differentiated twice: when a graph of the backward pass is asked for, it is made of plain
// operations. Off the CPU, or in another precision than float32, everything is made of plain operations.
#include "rimforge_shim.h"

#include <cmath>
#include <exception>
#include <optional>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

namespace {
using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Optional = std::optional<Tensor>;

constexpr float kSlope = 0.2f;

// One row kernel for each instruction set; the loader picks.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define ROW_KERNEL __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define ROW_KERNEL
#endif

// y = clamp(lrelu(x * scale + bias + noise * strength)); noise may be null.
ROW_KERNEL void activate_row(const float* x, const float* noise, float scale, float bias, float strength, float bound,
                             float* y, int64_t n) {
  if (noise) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) {
      float v = x[i] * scale + (bias + noise[i] * strength);
      v = v > 0 ? v : v * kSlope;
      v = v > bound ? bound : v;
      y[i] = v < -bound ? -bound : v;
    }
  } else {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) {
      float v = x[i] * scale + bias;
      v = v > 0 ? v : v * kSlope;
      v = v > bound ? bound : v;
      y[i] = v < -bound ? -bound : v;
    }
  }
}

// With m the slope at y: gx = g m scale; returns the sums of g m and of g m x; adds g m to `shared`. x, shared may be null.
ROW_KERNEL void activate_row_backward(const float* g, const float* y, const float* x, float scale, float bound, float* gx,
                                      float* shared, int64_t n, float* sum, float* sum_x) {
  float total = 0, total_x = 0;
  if (x && shared) {
#pragma omp simd reduction(+ : total, total_x)
    for (int64_t i = 0; i < n; ++i) {
      float m = g[i] * (y[i] > 0 ? 1.0f : kSlope);
      m = std::fabs(y[i]) < bound ? m : 0.0f;
      gx[i] = m * scale;
      total += m;
      total_x += m * x[i];
      shared[i] += m;
    }
  } else if (x) {
#pragma omp simd reduction(+ : total, total_x)
    for (int64_t i = 0; i < n; ++i) {
      float m = g[i] * (y[i] > 0 ? 1.0f : kSlope);
      m = std::fabs(y[i]) < bound ? m : 0.0f;
      gx[i] = m * scale;
      total += m;
      total_x += m * x[i];
    }
  } else {
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i < n; ++i) {
      float m = g[i] * (y[i] > 0 ? 1.0f : kSlope);
      m = std::fabs(y[i]) < bound ? m : 0.0f;
      gx[i] = m * scale;
      total += m;
    }
  }
  *sum = total;
  *sum_x = total_x;
}

ROW_KERNEL void scale_row(const float* x, float scale, float* y, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] * scale;
}

// gx = g scale; returns the sum of g x.
ROW_KERNEL float scale_row_backward(const float* g, const float* x, float scale, float* gx, int64_t n) {
  float total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t i = 0; i < n; ++i) {
    gx[i] = g[i] * scale;
    total += g[i] * x[i];
  }
  return total;
}

Tensor per_channel(const Tensor& t) { return t.unsqueeze(-1).unsqueeze(-1); }

// Sums a gradient [N, 1, H, W] over the images that share one noise map.
Tensor like_noise(const Tensor& grad, const Tensor& noise) {
  return noise.size(0) == 1 && grad.size(0) != 1 ? grad.sum(0, /*keepdim=*/true) : grad;
}

// x [N, C, H, W]; scale [N, C]; bias [C]; noise [1 or N, 1, H, W] with its strength [].
struct StyledActivation : torch::autograd::Function<StyledActivation> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Optional& scale, const Optional& bias,
                        const Optional& noise, const Optional& strength, double bound) {
    const Tensor xs = x.contiguous();
    const int64_t images = xs.size(0), channels = xs.size(1), pixels = xs.size(2) * xs.size(3);
    const Tensor factors = scale ? scale->contiguous() : Tensor();
    const Tensor shifts = bias ? bias->contiguous() : Tensor();
    const Tensor maps = noise ? noise->contiguous() : Tensor();
    Tensor y = at::empty_like(xs);
    const float* xp = xs.const_data_ptr<float>();
    const float* fp = scale ? factors.const_data_ptr<float>() : nullptr;
    const float* bp = bias ? shifts.const_data_ptr<float>() : nullptr;
    const float* np = noise ? maps.const_data_ptr<float>() : nullptr;
    const int64_t noise_step = noise && maps.size(0) > 1 ? pixels : 0;
    const float amount = strength ? strength->item<float>() : 0.0f;
    float* yp = y.mutable_data_ptr<float>();
    at::parallel_for(0, images * channels, std::max<int64_t>(1, 16384 / pixels), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t image = row / channels, channel = row % channels;
        activate_row(xp + row * pixels, np ? np + image * noise_step : nullptr, fp ? fp[row] : 1.0f,
                     bp ? bp[channel] : 0.0f, amount, static_cast<float>(bound), yp + row * pixels, pixels);
      }
    });
    ctx->saved_data["bound"] = bound;
    ctx->saved_data["bias"] = bias.has_value();
    ctx->save_for_backward({scale ? x : Tensor(), scale.value_or(Tensor()), noise.value_or(Tensor()),
                            strength.value_or(Tensor()), y});
    return y;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &scale = saved[1], &noise = saved[2], &strength = saved[3], &y = saved[4];
    const double bound = ctx->saved_data["bound"].toDouble();
    const bool has_bias = ctx->saved_data["bias"].toBool();
    Tensor gx, gscale, gbias, shared;
    if (at::GradMode::is_enabled()) {
      Tensor slope;
      {
        at::NoGradGuard guard;
        const Tensor value = y.detach();
        slope = at::where(value > 0, 1.0, static_cast<double>(kSlope)).to(value.scalar_type()) * (value.abs() < bound);
      }
      const Tensor g = grads[0] * slope;
      gx = scale.defined() ? g * per_channel(scale) : g;
      if (scale.defined()) gscale = (g * x).sum({2, 3});
      if (has_bias) gbias = g.sum({0, 2, 3});
      if (noise.defined()) shared = g.sum(1, /*keepdim=*/true);
    } else {
      const Tensor g = grads[0].contiguous();
      const int64_t images = g.size(0), channels = g.size(1), height = g.size(2), width = g.size(3);
      const int64_t pixels = height * width;
      const Tensor factors = scale.defined() ? scale.contiguous() : Tensor();
      const Tensor xs = scale.defined() ? x.contiguous() : Tensor();
      gx = at::empty_like(g);
      Tensor sums = at::empty({2, images, channels}, g.options());
      if (noise.defined()) shared = at::zeros({images, 1, height, width}, g.options());
      const float* gp = g.const_data_ptr<float>();
      const float* yp = y.const_data_ptr<float>();
      const float* xp = scale.defined() ? xs.const_data_ptr<float>() : nullptr;
      const float* fp = scale.defined() ? factors.const_data_ptr<float>() : nullptr;
      float* gxp = gx.mutable_data_ptr<float>();
      float* sp = sums.mutable_data_ptr<float>();
      float* np = noise.defined() ? shared.mutable_data_ptr<float>() : nullptr;
      // By image, because the channels of an image share its noise map.
      at::parallel_for(0, images, 1, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin * channels; row < end * channels; ++row) {
          const int64_t at = row * pixels;
          activate_row_backward(gp + at, yp + at, xp ? xp + at : nullptr, fp ? fp[row] : 1.0f, static_cast<float>(bound),
                                gxp + at, np ? np + row / channels * pixels : nullptr, pixels, sp + row,
                                sp + images * channels + row);
        }
      });
      if (scale.defined()) gscale = sums[1];
      if (has_bias) gbias = sums[0].sum(0);
    }
    Tensor gnoise, gstrength;
    if (noise.defined()) {
      gnoise = like_noise(shared * strength, noise);
      gstrength = (shared * noise).sum();
    }
    return {gx, gscale, gbias, gnoise, gstrength, Tensor()};
  }
};

// x [N, C, H, W] times scale [N, C].
struct ScaleChannels : torch::autograd::Function<ScaleChannels> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& scale) {
    const Tensor xs = x.contiguous(), factors = scale.contiguous();
    const int64_t rows = xs.size(0) * xs.size(1), pixels = xs.size(2) * xs.size(3);
    Tensor y = at::empty_like(xs);
    const float* xp = xs.const_data_ptr<float>();
    const float* fp = factors.const_data_ptr<float>();
    float* yp = y.mutable_data_ptr<float>();
    at::parallel_for(0, rows, std::max<int64_t>(1, 16384 / pixels), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) scale_row(xp + row * pixels, fp[row], yp + row * pixels, pixels);
    });
    ctx->save_for_backward({x, scale});
    return y;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &scale = saved[1];
    if (at::GradMode::is_enabled()) {
      return {grads[0] * per_channel(scale), (grads[0] * x).sum({2, 3})};
    }
    const Tensor g = grads[0].contiguous(), xs = x.contiguous(), factors = scale.contiguous();
    const int64_t rows = g.size(0) * g.size(1), pixels = g.size(2) * g.size(3);
    Tensor gx = at::empty_like(g), gscale = at::empty_like(factors);
    const float* gp = g.const_data_ptr<float>();
    const float* xp = xs.const_data_ptr<float>();
    const float* fp = factors.const_data_ptr<float>();
    float* gxp = gx.mutable_data_ptr<float>();
    float* gsp = gscale.mutable_data_ptr<float>();
    at::parallel_for(0, rows, std::max<int64_t>(1, 16384 / pixels), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t at = row * pixels;
        gsp[row] = scale_row_backward(gp + at, xp + at, fp[row], gxp + at, pixels);
      }
    });
    return {gx, gscale};
  }
};

bool fast(const Tensor& x) { return x.is_cpu() && x.scalar_type() == at::kFloat; }

Optional optional(const void* tensor) {
  return tensor ? Optional(*static_cast<const Tensor*>(tensor)) : std::nullopt;
}

template <typename F>
void* guarded(F&& body) {
  try {
    return new Tensor(body());
  } catch (const std::exception& error) {
    rf_set_last_error(error.what());
  } catch (...) {
    rf_set_last_error("unknown C++ exception");
  }
  return nullptr;
}
}  // namespace

extern "C" {

void* rf_styled_activation(const void* x, const void* scale, const void* bias, const void* noise, const void* strength,
                           double bound) {
  return guarded([&]() -> Tensor {
    const Tensor& input = *static_cast<const Tensor*>(x);
    const Optional factors = optional(scale), shift = optional(bias), maps = optional(noise), amount = optional(strength);
    // The kernels trust the shapes.
    TORCH_CHECK(input.dim() == 4, "activation of ", input.dim(), " axes");
    const int64_t images = input.size(0), channels = input.size(1), height = input.size(2), width = input.size(3);
    TORCH_CHECK(!factors || factors->sizes() == at::IntArrayRef({images, channels}), "factors of shape ", factors->sizes());
    TORCH_CHECK(!shift || shift->sizes() == at::IntArrayRef({channels}), "bias of shape ", shift->sizes());
    TORCH_CHECK(!maps || maps->sizes() == at::IntArrayRef({1, 1, height, width}) ||
                    maps->sizes() == at::IntArrayRef({images, 1, height, width}),
                "noise of shape ", maps->sizes());
    TORCH_CHECK(!amount || amount->numel() == 1, "noise strength of shape ", amount->sizes());
    if (fast(input)) return StyledActivation::apply(input, factors, shift, maps, amount, bound);
    Tensor y = factors ? input * per_channel(*factors).to(input.scalar_type()) : input;
    if (shift) y = y + shift->view({1, -1, 1, 1}).to(input.scalar_type());
    if (maps) y = y + (*maps * *amount).to(input.scalar_type());
    y = at::leaky_relu(y, kSlope);
    return std::isfinite(bound) ? y.clamp(-bound, bound) : y;
  });
}

void* rf_scale_channels(const void* x, const void* scale) {
  return guarded([&]() -> Tensor {
    const Tensor& input = *static_cast<const Tensor*>(x);
    const Tensor& factors = *static_cast<const Tensor*>(scale);
    TORCH_CHECK(input.dim() == 4 && factors.sizes() == at::IntArrayRef({input.size(0), input.size(1)}),
                "factors of shape ", factors.sizes(), " for ", input.sizes());
    if (fast(input)) return ScaleChannels::apply(input, factors);
    return input * per_channel(factors).to(input.scalar_type());
  });
}
}
