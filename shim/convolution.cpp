// Convolution as a bilinear form. With F(x, w) the convolution, D(g, w) its derivative by x and W(g, x) that by w, the
// derivatives of each of the three are again among them, to any order. libtorch's own second derivative takes a detour over
// convolutions with kernels as large as the image. Activations keep their precision, kernels theirs, and a factor on the
// kernel is part of the form, so that neither its cast nor its scaling is a step of the graph.
#include "tensors.h"

#include <vector>

#include <ATen/ops/convolution.h>
#include <ATen/ops/convolution_backward.h>

namespace rimforge {
namespace {

// A square kernel's stride, padding and factor, with what a derivative cannot tell from its inputs.
struct Geometry {
  int64_t stride, padding;
  double gain;
  std::vector<int64_t> input, kernel;
  at::ScalarType kernel_kind;
};

// The kernel as an activation of this kind meets it.
Tensor scaled(const Tensor& w, const Geometry& g, const Tensor& like) {
  return times(w, g.gain, like.scalar_type());
}

Tensor filtered(const Tensor& x, const Tensor& w, const Geometry& g) {
  return at::convolution(channels_last(x), scaled(w, g, x), {}, {g.stride, g.stride}, {g.padding, g.padding}, {1, 1}, false, {0, 0}, 1);
}

// libtorch wants all three tensors of a convolution for each derivative, and of the one it does not read only the shape.
Tensor by_input(const Tensor& grad, const Tensor& w, const Geometry& g) {
  const Tensor x = at::empty(g.input, grad.options(), at::MemoryFormat::ChannelsLast);
  return std::get<0>(at::convolution_backward(channels_last(grad), x, scaled(w, g, grad), at::OptionalIntArrayRef(), {g.stride, g.stride},
                                              {g.padding, g.padding}, {1, 1}, false, {0, 0}, 1, {true, false, false}));
}

Tensor by_kernel(const Tensor& grad, const Tensor& x, const Geometry& g) {
  const Tensor w = at::empty(g.kernel, grad.options());
  const Tensor sum = std::get<1>(at::convolution_backward(
      channels_last(grad), channels_last(x), w, at::OptionalIntArrayRef(), {g.stride, g.stride}, {g.padding, g.padding}, {1, 1},
      false, {0, 0}, 1, {false, true, false}));
  return times(sum, g.gain, g.kernel_kind);
}

void remember(AutogradContext* ctx, const Tensor& first, const Tensor& second, const Geometry& g) {
  ctx->set_materialize_grads(false);
  ctx->save_for_backward({first, second});
  ctx->saved_data["stride"] = g.stride;
  ctx->saved_data["padding"] = g.padding;
  ctx->saved_data["gain"] = g.gain;
  ctx->saved_data["input"] = g.input;
  ctx->saved_data["kernel"] = g.kernel;
  ctx->saved_data["kind"] = static_cast<int64_t>(g.kernel_kind);
}

Geometry recall(AutogradContext* ctx) {
  return {ctx->saved_data["stride"].toInt(),
          ctx->saved_data["padding"].toInt(),
          ctx->saved_data["gain"].toDouble(),
          ctx->saved_data["input"].toIntVector(),
          ctx->saved_data["kernel"].toIntVector(),
          static_cast<at::ScalarType>(ctx->saved_data["kind"].toInt())};
}

struct ByInput;
struct ByKernel;

// F(x, w).
struct Filtered : torch::autograd::Function<Filtered> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& w, const Geometry& g) {
    remember(ctx, x, w, g);
    return filtered(x, w, g);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads);
};

// D(g, w).
struct ByInput : torch::autograd::Function<ByInput> {
  static Tensor forward(AutogradContext* ctx, const Tensor& grad, const Tensor& w, const Geometry& g) {
    remember(ctx, grad, w, g);
    return by_input(grad, w, g);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads);
};

// W(g, x).
struct ByKernel : torch::autograd::Function<ByKernel> {
  static Tensor forward(AutogradContext* ctx, const Tensor& grad, const Tensor& x, const Geometry& g) {
    remember(ctx, grad, x, g);
    return by_kernel(grad, x, g);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads);
};

variable_list Filtered::backward(AutogradContext* ctx, const variable_list& grads) {
  const auto saved = ctx->get_saved_variables();
  const Geometry g = recall(ctx);
  Tensor dx, dw;
  if (grads[0].defined() && ctx->needs_input_grad(0)) dx = ByInput::apply(grads[0], saved[1], g);
  if (grads[0].defined() && ctx->needs_input_grad(1)) dw = ByKernel::apply(grads[0], saved[0], g);
  return {dx, dw, Tensor()};
}

variable_list ByInput::backward(AutogradContext* ctx, const variable_list& grads) {
  const auto saved = ctx->get_saved_variables();
  const Geometry g = recall(ctx);
  Tensor dg, dw;
  if (grads[0].defined() && ctx->needs_input_grad(0)) dg = Filtered::apply(grads[0], saved[1], g);
  if (grads[0].defined() && ctx->needs_input_grad(1)) dw = ByKernel::apply(saved[0], grads[0], g);
  return {dg, dw, Tensor()};
}

variable_list ByKernel::backward(AutogradContext* ctx, const variable_list& grads) {
  const auto saved = ctx->get_saved_variables();
  const Geometry g = recall(ctx);
  Tensor dg, dx;
  if (grads[0].defined() && ctx->needs_input_grad(0)) dg = Filtered::apply(saved[1], grads[0], g);
  if (grads[0].defined() && ctx->needs_input_grad(1)) dx = ByInput::apply(saved[0], grads[0], g);
  return {dg, dx, Tensor()};
}
}  // namespace
}  // namespace rimforge

using namespace rimforge;

extern "C" {

void* rf_linear(const void* x, const void* weight, const void* bias, double gain, double bias_gain) {
  return handed_over([&]() -> Tensor {
    const Tensor &input = *static_cast<const Tensor*>(x), &w = *static_cast<const Tensor*>(weight);
    return at::addmm(*static_cast<const Tensor*>(bias), input, w.t(), bias_gain, gain);
  });
}

void* rf_convolution(const void* x, const void* weight, double gain, int64_t stride, int64_t padding) {
  return handed_over([&]() -> Tensor {
    const Tensor &input = *static_cast<const Tensor*>(x), &w = *static_cast<const Tensor*>(weight);
    TORCH_CHECK(input.dim() == 4 && w.dim() == 4 && w.size(1) == input.size(1), "kernel of shape ", w.sizes());
    return Filtered::apply(input, w, Geometry{stride, padding, gain, input.sizes().vec(), w.sizes().vec(), w.scalar_type()});
  });
}

void* rf_transposed_convolution(const void* x, const void* weight, double gain, int64_t stride, int64_t padding) {
  return handed_over([&]() -> Tensor {
    const Tensor &input = *static_cast<const Tensor*>(x), &w = *static_cast<const Tensor*>(weight);
    TORCH_CHECK(input.dim() == 4 && w.dim() == 4 && w.size(0) == input.size(1), "kernel of shape ", w.sizes());
    const auto side = [&](int64_t axis) { return (input.size(axis) - 1) * stride - 2 * padding + w.size(axis); };
    const std::vector<int64_t> output = {input.size(0), w.size(1), side(2), side(3)};
    return ByInput::apply(input, w, Geometry{stride, padding, gain, output, w.sizes().vec(), w.scalar_type()});
  });
}
}
