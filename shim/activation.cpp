// Factor, bias, noise, leaky ReLU and bound in one pass over the activations, with the first and the second derivative
// in one pass each. Off the CPU, or in double precision, everything is made of plain operations.
#include "tensors.h"

#include <cmath>

namespace rimforge {
namespace {

constexpr double kSlope = 0.2;

Tensor per_channel(const Tensor& t) { return t.unsqueeze(-1).unsqueeze(-1); }

// Sums a gradient [N, 1, H, W] over the images that share one noise map.
Tensor like_noise(const Tensor& grad, const Tensor& noise) {
  return noise.size(0) == 1 && grad.size(0) != 1 ? grad.sum(0, /*keepdim=*/true) : grad;
}

// Derivatives of the activation as a function of g: {gx, sum of g d [N, C], with x the sum of g d x [N, C], with
// `shared` g d summed over channels [N, 1, H, W]}, where d is the slope at y, or 1 where y is undefined. Differentiable
// once.
struct SlopeProduct : torch::autograd::Function<SlopeProduct> {
  static variable_list forward(AutogradContext* ctx, const Tensor& grad, const Optional& input, const Optional& scale,
                               const Optional& slope_of, double bound, bool shared) {
    const Tensor g = channels_last(grad), x = last(input.value_or(Tensor())), factors = dense(scale.value_or(Tensor()));
    const Tensor y = slope_of.value_or(Tensor());
    const Pieces pieces(g);
    Tensor gx = at::empty_like(g), sum = pieces.sums(), sum_x = x.defined() ? pieces.sums() : Tensor();
    Tensor over_channels;
    if (shared) over_channels = at::empty({g.size(0), 1, g.size(2), g.size(3)}, at::kFloat);
    const auto run = kernels().activate_backward[element(g)];
    const size_t size = g.element_size();
    float* const shared_data = shared ? over_channels.mutable_data_ptr<float>() : nullptr;
    pieces.each([&](int64_t image, int64_t piece, int64_t first, int64_t pixels) {
      ActivateBackward with{};
      with.g = at_pixel(data(g), pieces, image, first, size);
      with.y = at_pixel(data(y), pieces, image, first, size);
      with.x = at_pixel(data(x), pieces, image, first, size);
      with.scale = scale ? floats(factors) + image * pieces.channels : nullptr;
      with.slope = kSlope;
      with.bound = static_cast<float>(bound);
      with.gx = at_pixel(gx.mutable_data_ptr(), pieces, image, first, size);
      with.sum = pieces.of(sum, image, piece);
      with.sum_x = pieces.of(sum_x, image, piece);
      with.shared = shared ? shared_data + image * pieces.pixels + first : nullptr;
      with.channels = pieces.channels;
      run(with, pixels);
    });
    ctx->set_materialize_grads(false);
    ctx->saved_data["bound"] = bound;
    ctx->save_for_backward({grad, input.value_or(Tensor()), scale.value_or(Tensor()), y});
    variable_list results = {gx, pieces.total(sum)};
    if (x.defined()) results.push_back(pieces.total(sum_x));
    if (shared) results.push_back(over_channels);
    return results;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "the fused activation can be differentiated twice, not three times");
    const auto saved = ctx->get_saved_variables();
    const Tensor g = last(saved[0]), x = last(saved[1]), scale = dense(saved[2]), &y = saved[3];
    const Tensor u = last(grads[0]), a = dense(grads[1]), b = x.defined() ? dense(grads[2]) : Tensor();
    const size_t next = x.defined() ? 3 : 2;
    const Tensor s = grads.size() > next ? dense(grads[next]) : Tensor();
    const Pieces pieces(g);
    Tensor dg = at::empty_like(g), dx = b.defined() ? at::empty_like(g) : Tensor();
    Tensor dscale = scale.defined() && u.defined() ? pieces.sums() : Tensor();
    const auto run = kernels().activate_second[element(g)];
    const size_t size = g.element_size();
    const auto row = [&](const Tensor& t, int64_t image) {
      return t.defined() ? floats(t) + image * pieces.channels : nullptr;
    };
    const float bound = static_cast<float>(ctx->saved_data["bound"].toDouble());
    pieces.each([&](int64_t image, int64_t piece, int64_t first, int64_t pixels) {
      ActivateSecond with{};
      with.g = at_pixel(data(g), pieces, image, first, size);
      with.y = at_pixel(data(y), pieces, image, first, size);
      with.x = at_pixel(data(x), pieces, image, first, size);
      with.scale = row(scale, image);
      with.slope = kSlope;
      with.bound = bound;
      with.u = at_pixel(data(u), pieces, image, first, size);
      with.a = row(a, image);
      with.b = row(b, image);
      with.s = s.defined() ? floats(s) + image * pieces.pixels + first : nullptr;
      with.dg = at_pixel(dg.mutable_data_ptr(), pieces, image, first, size);
      with.dx = dx.defined() ? at_pixel(dx.mutable_data_ptr(), pieces, image, first, size) : nullptr;
      with.dscale = pieces.of(dscale, image, piece);
      with.channels = pieces.channels;
      run(with, pixels);
    });
    if (dscale.defined()) dscale = pieces.total(dscale);
    return {dg, dx, dscale, Tensor(), Tensor(), Tensor()};
  }
};

// x [N, C, H, W]; scale [N, C]; bias [C]; noise [1 or N, 1, H, W] with its strength []; `gain` is on bias and noise.
// Linear: the factor alone.
struct StyledActivation : torch::autograd::Function<StyledActivation> {
  static Tensor forward(AutogradContext* ctx, const Tensor& input, const Optional& scale, const Optional& bias,
                        const Optional& noise, const Optional& strength, bool linear, double gain, double bound) {
    const Tensor x = channels_last(input), factors = dense(scale.value_or(Tensor()));
    const Tensor shifts = dense(bias.value_or(Tensor())), maps = dense(noise.value_or(Tensor()));
    const Pieces pieces(x);
    Tensor y = at::empty_like(x);
    const float amount = strength ? strength->item<float>() * static_cast<float>(gain) : 0.0f;
    const int64_t noise_step = noise && maps.size(0) > 1 ? pieces.pixels : 0;
    const auto run = kernels().activate[element(x)];
    const size_t size = x.element_size();
    void* const to = y.mutable_data_ptr();
    pieces.each([&](int64_t image, int64_t, int64_t first, int64_t pixels) {
      Activate with{};
      with.x = at_pixel(data(x), pieces, image, first, size);
      with.scale = scale ? floats(factors) + image * pieces.channels : nullptr;
      with.bias = floats(shifts);
      with.noise = noise ? floats(maps) + image * noise_step + first : nullptr;
      with.bias_gain = static_cast<float>(gain);
      with.strength = amount;
      with.slope = linear ? 1.0f : static_cast<float>(kSlope);
      with.bound = static_cast<float>(bound);
      with.y = at_pixel(to, pieces, image, first, size);
      with.channels = pieces.channels;
      run(with, pixels);
    });
    ctx->saved_data["gain"] = gain;
    ctx->saved_data["bound"] = bound;
    ctx->saved_data["bias"] = bias.has_value();
    ctx->save_for_backward({scale ? input : Tensor(), scale.value_or(Tensor()), noise.value_or(Tensor()),
                            strength.value_or(Tensor()), linear ? Tensor() : y});
    return y;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &scale = saved[1], &noise = saved[2], &strength = saved[3];
    const auto there = [](const Tensor& t) { return t.defined() ? Optional(t) : std::nullopt; };
    const Optional y = saved[4].defined() ? Optional(saved[4].detach()) : std::nullopt;
    const bool has_bias = ctx->saved_data["bias"].toBool();
    // Inputs that are there, in order.
    const size_t noise_at = 1 + scale.defined() + has_bias;
    const bool shared = noise.defined() && (ctx->needs_input_grad(noise_at) || ctx->needs_input_grad(noise_at + 1));
    const variable_list parts =
        SlopeProduct::apply(grads[0], there(x), there(scale), y, ctx->saved_data["bound"].toDouble(), shared);
    Tensor gscale, gbias, gnoise, gstrength;
    if (scale.defined()) gscale = parts[2];
    const double gain = ctx->saved_data["gain"].toDouble();
    if (has_bias && ctx->needs_input_grad(noise_at - 1)) gbias = parts[1].sum(0) * gain;
    if (shared) {
      const Tensor map = parts.back() * gain;
      if (ctx->needs_input_grad(noise_at)) gnoise = like_noise(map * strength, noise);
      if (ctx->needs_input_grad(noise_at + 1)) gstrength = (map * noise).sum();
    }
    return {parts[0], gscale, gbias, gnoise, gstrength, Tensor(), Tensor(), Tensor()};
  }
};
}  // namespace
}  // namespace rimforge

using namespace rimforge;

extern "C" {

Tensor* rf_styled_activation(const Tensor* x, const Tensor* scale, const Tensor* bias, const Tensor* noise,
                             const Tensor* strength, double gain, double bound) {
  return handed_over([&]() -> Tensor {
    const Tensor& input = *x;
    const Optional factors = optional(scale), shift = optional(bias);
    const Optional maps = optional(noise), amount = optional(strength);
    // The kernels trust the shapes.
    require_pixels(input);
    const int64_t images = input.size(0), channels = input.size(1), height = input.size(2), width = input.size(3);
    TORCH_CHECK(!factors || factors->sizes() == at::IntArrayRef({images, channels}), "factors of shape ",
                factors->sizes());
    TORCH_CHECK(!shift || shift->sizes() == at::IntArrayRef({channels}), "bias of shape ", shift->sizes());
    TORCH_CHECK(!maps || maps->sizes() == at::IntArrayRef({1, 1, height, width}) ||
                    maps->sizes() == at::IntArrayRef({images, 1, height, width}),
                "noise of shape ", maps->sizes());
    TORCH_CHECK(maps.has_value() == amount.has_value(), "noise and its strength go together");
    TORCH_CHECK(!amount || amount->dim() == 0, "noise strength of shape ", amount->sizes());
    if (has_kernels(input)) {
      // As the kernels store it, so that the derivative knows a value at the bound.
      const bool low = input.scalar_type() == at::kBFloat16 && std::isfinite(bound);
      const double stored = low ? static_cast<float>(c10::BFloat16(static_cast<float>(bound))) : bound;
      return StyledActivation::apply(input, factors, shift, maps, amount, false, gain, stored);
    }
    Tensor y = factors ? input * per_channel(*factors).to(input.scalar_type()) : input;
    if (shift) y = y + (*shift * gain).view({1, -1, 1, 1}).to(input.scalar_type());
    if (maps) y = y + (*maps * (*amount * gain)).to(input.scalar_type());
    y = at::leaky_relu(y, kSlope);
    return std::isfinite(bound) ? y.clamp(-bound, bound) : y;
  });
}

Tensor* rf_scale_channels(const Tensor* x, const Tensor* scale) {
  return handed_over([&]() -> Tensor {
    const Tensor& input = *x;
    const Tensor& factors = *scale;
    require_pixels(input);
    TORCH_CHECK(factors.sizes() == at::IntArrayRef({input.size(0), input.size(1)}), "factors of shape ",
                factors.sizes(), " for ", input.sizes());
    if (!has_kernels(input)) return input * per_channel(factors).to(input.scalar_type());
    const Optional none;
    return StyledActivation::apply(input, Optional(factors), none, none, none, true, 1.0, INFINITY);
  });
}
}
