// Convolution as a bilinear form. With F(x, w) the convolution, D(g, w) its derivative by x and W(g, x) that by w, the
// derivatives of each of the three are again among them, to any order. libtorch's own second derivative takes a detour
// over convolutions with kernels as large as the image. Activations keep their precision, kernels theirs, and a factor
// on the kernel is part of the form, so that neither its cast nor its scaling is a step of the graph.
#include "winograd.h"

#include <vector>

#include <ATen/ops/convolution.h>
#include <ATen/ops/convolution_backward.h>

namespace rimforge {
namespace {

// Stride, padding and factor of a kernel with equal sides, with what a derivative cannot tell from its inputs.
struct Geometry {
  int64_t stride, padding;
  double gain;
  std::vector<int64_t> input, kernel;
  at::ScalarType kernel_kind;
};

// A number for each axis of space.
using Sides = c10::SmallVector<int64_t, 3>;
Sides each(const Tensor& x, int64_t number) { return Sides(x.dim() - 2, number); }

// How images [N, C, H, W] and volumes [N, C, D, H, W] lie with the channels of a place side by side.
at::MemoryFormat last_format(size_t axes) {
  return axes == 5 ? at::MemoryFormat::ChannelsLast3d : at::MemoryFormat::ChannelsLast;
}

Tensor laid_out(const Tensor& x) { return x.dim() == 5 ? x.contiguous(last_format(5)) : channels_last(x); }

// The kernel as an activation of this kind meets it.
Tensor scaled(const Tensor& w, const Geometry& g, const Tensor& like) {
  return times(w, g.gain, like.scalar_type());
}

Tensor filtered(const Tensor& x, const Tensor& w, const Geometry& g) {
  if (has_tiles(x, w.size(0), w.sizes(), g.stride, g.padding, kTilesOfImages)) {
    return filtered_in_tiles(x, scaled(w, g, x));
  }
  const Sides stride = each(x, g.stride), padding = each(x, g.padding), one = each(x, 1), none = each(x, 0);
  return at::convolution(laid_out(x), scaled(w, g, x), {}, stride, padding, one, false, none, 1);
}

// libtorch wants all three tensors of a convolution for each derivative, and of the one it does not read only the
// shape.
Tensor by_input(const Tensor& grad, const Tensor& w, const Geometry& g) {
  if (has_tiles(grad, w.size(1), w.sizes(), g.stride, g.padding, kTilesOfImages)) {
    return by_input_in_tiles(grad, scaled(w, g, grad));
  }
  const Tensor x = at::empty(g.input, grad.options(), last_format(g.input.size()));
  const Sides stride = each(x, g.stride), padding = each(x, g.padding), one = each(x, 1), none = each(x, 0);
  return std::get<0>(at::convolution_backward(laid_out(grad), x, scaled(w, g, grad), at::OptionalIntArrayRef(), stride,
                                              padding, one, false, none, 1, {true, false, false}));
}

Tensor by_kernel(const Tensor& grad, const Tensor& x, const Geometry& g) {
  if (has_tiles(x, grad.size(1), g.kernel, g.stride, g.padding, kTilesOfKernels)) {
    return times(by_kernel_in_tiles(grad, x), g.gain, g.kernel_kind);
  }
  const Tensor w = at::empty(g.kernel, grad.options());
  const Sides stride = each(x, g.stride), padding = each(x, g.padding), one = each(x, 1), none = each(x, 0);
  const Tensor sum =
      std::get<1>(at::convolution_backward(laid_out(grad), laid_out(x), w, at::OptionalIntArrayRef(), stride, padding,
                                           one, false, none, 1, {false, true, false}));
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

// Images or volumes, and a kernel of as many axes, whose `axis` is that of their channels.
void check_kernel(const Tensor& x, const Tensor& w, int64_t axis) {
  TORCH_CHECK(x.dim() == 4 || x.dim() == 5, "activation of ", x.dim(), " axes");
  TORCH_CHECK(w.dim() == x.dim() && w.size(axis) == x.size(1), "kernel of shape ", w.sizes(), " for ", x.sizes());
}
}  // namespace
}  // namespace rimforge

using namespace rimforge;

extern "C" {

Tensor* rf_linear(const Tensor* x, const Tensor* weight, const Tensor* bias, double gain, double bias_gain) {
  return handed_over([&]() -> Tensor {
    const Tensor &input = *x, &w = *weight;
    return at::addmm(*bias, input, w.t(), bias_gain, gain);
  });
}

Tensor* rf_convolution(const Tensor* x, const Tensor* weight, double gain, int64_t stride, int64_t padding) {
  return handed_over([&]() -> Tensor {
    const Tensor &input = *x, &w = *weight;
    check_kernel(input, w, 1);
    const Geometry g{stride, padding, gain, input.sizes().vec(), w.sizes().vec(), w.scalar_type()};
    return Filtered::apply(input, w, g);
  });
}

Tensor* rf_transposed_convolution(const Tensor* x, const Tensor* weight, double gain, int64_t stride, int64_t padding) {
  return handed_over([&]() -> Tensor {
    const Tensor &input = *x, &w = *weight;
    check_kernel(input, w, 0);
    std::vector<int64_t> output = {input.size(0), w.size(1)};
    for (int64_t axis = 2; axis < input.dim(); ++axis) {
      output.push_back((input.size(axis) - 1) * stride - 2 * padding + w.size(axis));
    }
    return ByInput::apply(input, w, Geometry{stride, padding, gain, output, w.sizes().vec(), w.scalar_type()});
  });
}
}
