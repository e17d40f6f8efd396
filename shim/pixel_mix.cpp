// Between activations and images of few channels, pixel by pixel: a bilinear form whose three derivatives are each
// other's. With P(x, k) the image, X(g, k) its derivative by x (also the way from an image to an activation), K(g, x)
// that by k.
#include "tensors.h"

namespace rimforge {
namespace {

// x [N, C, H, W], image [N, J, H, W], k [N or 1, J, C].
using Kernel = void (*)(const Mix&, int64_t);

// Runs over the pieces of an activation laid out like x; what is undefined stays null.
void run(Kernel kernel, const Pieces& pieces, const Tensor& x, const Tensor& y, const Tensor& image,
         const Tensor& to_image, const Tensor& k, const Tensor& sum, int64_t planes) {
  const size_t size = x.defined() ? x.element_size() : y.defined() ? y.element_size() : 0;
  const int64_t kernel_step = k.defined() && k.size(0) == 1 ? 0 : planes * pieces.channels;
  pieces.each([&](int64_t at, int64_t piece, int64_t first, int64_t pixels) {
    Mix with{};
    with.x = at_pixel(data(x), pieces, at, first, size);
    with.y = y.defined() ? at_pixel(y.mutable_data_ptr(), pieces, at, first, size) : nullptr;
    const int64_t plane = at * planes * pieces.pixels + first;
    with.image = image.defined() ? floats(image) + plane : nullptr;
    with.to_image = to_image.defined() ? to_image.mutable_data_ptr<float>() + plane : nullptr;
    with.k = k.defined() ? floats(k) + at * kernel_step : nullptr;
    const int64_t part = (at * pieces.count + piece) * planes * pieces.channels;
    with.sum = sum.defined() ? sum.mutable_data_ptr<float>() + part : nullptr;
    with.channels = pieces.channels;
    with.planes = planes;
    with.plane = pieces.pixels;
    kernel(with, pixels);
  });
}

Tensor to_image(const Tensor& input, const Tensor& k) {
  const Tensor x = channels_last(input), kernel = dense(k);
  const Tensor image = at::empty({x.size(0), k.size(1), x.size(2), x.size(3)}, kernel.options());
  run(kernels().mix_to_image[element(x)], Pieces(x), x, {}, {}, image, kernel, {}, k.size(1));
  return image;
}

Tensor from_image(const Tensor& planes, const Tensor& k, at::ScalarType kind) {
  const Tensor image = dense(planes), kernel = dense(k);
  const Tensor y = at::empty({image.size(0), k.size(2), image.size(2), image.size(3)}, image.options().dtype(kind),
                             at::MemoryFormat::ChannelsLast);
  run(kernels().mix_from_image[element(y)], Pieces(y), {}, y, image, {}, kernel, {}, k.size(1));
  return y;
}

// For each image, or summed over them.
Tensor kernel_sum(const Tensor& planes, const Tensor& input, bool shared) {
  const Tensor image = dense(planes), x = channels_last(input);
  const Pieces pieces(x);
  const Tensor sums = at::zeros({x.size(0), pieces.count, image.size(1), x.size(1)}, image.options());
  run(kernels().mix_kernel[element(x)], pieces, x, {}, image, {}, {}, sums, image.size(1));
  return shared ? sums.sum(at::IntArrayRef{0, 1}).unsqueeze(0) : sums.sum(1);
}

struct ToImage : torch::autograd::Function<ToImage> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& k) {
    ctx->save_for_backward({x, k});
    return to_image(x, k);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads);
};

struct FromImage : torch::autograd::Function<FromImage> {
  static Tensor forward(AutogradContext* ctx, const Tensor& image, const Tensor& k, at::ScalarType kind) {
    ctx->save_for_backward({image, k});
    return from_image(image, k, kind);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads);
};

struct KernelSum : torch::autograd::Function<KernelSum> {
  static Tensor forward(AutogradContext* ctx, const Tensor& image, const Tensor& x, bool shared) {
    ctx->save_for_backward({image, x});
    return kernel_sum(image, x, shared);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads);
};

variable_list ToImage::backward(AutogradContext* ctx, const variable_list& grads) {
  const auto saved = ctx->get_saved_variables();
  Tensor dx, dk;
  if (ctx->needs_input_grad(0)) dx = FromImage::apply(grads[0], saved[1], saved[0].scalar_type());
  if (ctx->needs_input_grad(1)) dk = KernelSum::apply(grads[0], saved[0], saved[1].size(0) == 1);
  return {dx, dk};
}

variable_list FromImage::backward(AutogradContext* ctx, const variable_list& grads) {
  const auto saved = ctx->get_saved_variables();
  Tensor dimage, dk;
  if (ctx->needs_input_grad(0)) dimage = ToImage::apply(grads[0], saved[1]);
  if (ctx->needs_input_grad(1)) dk = KernelSum::apply(saved[0], grads[0], saved[1].size(0) == 1);
  return {dimage, dk, Tensor()};
}

variable_list KernelSum::backward(AutogradContext* ctx, const variable_list& grads) {
  const auto saved = ctx->get_saved_variables();
  Tensor dimage, dx;
  if (ctx->needs_input_grad(0)) dimage = ToImage::apply(saved[1], grads[0]);
  if (ctx->needs_input_grad(1)) dx = FromImage::apply(saved[0], grads[0], saved[1].scalar_type());
  return {dimage, dx, Tensor()};
}

// [N, H W, C], without a copy where it lies so.
Tensor pixels_first(const Tensor& t) { return t.permute({0, 2, 3, 1}).flatten(1, 2); }

Tensor planes_first(const Tensor& t, const Tensor& like) {
  return t.transpose(1, 2).unflatten(2, {like.size(2), like.size(3)});
}

void check(const Tensor& t, const Tensor& k, int64_t axis) {
  TORCH_CHECK(t.dim() == 4 && k.dim() == 3 && k.size(axis) == t.size(1) && (k.size(0) == 1 || k.size(0) == t.size(0)),
              "kernel of shape ", k.sizes());
  TORCH_CHECK(k.size(1) > 0 && k.size(2) > 0 && t.size(2) > 0 && t.size(3) > 0, "image of shape ", t.sizes());
}
}  // namespace
}  // namespace rimforge

using namespace rimforge;

extern "C" {

Tensor* rf_to_image(const Tensor* x, const Tensor* k) {
  return handed_over([&]() -> Tensor {
    const Tensor &activation = *x, &kernel = *k;
    check(activation, kernel, 2);
    if (has_kernels(activation)) return ToImage::apply(activation, kernel);
    const Tensor y = at::matmul(pixels_first(activation), kernel.to(activation.scalar_type()).transpose(1, 2));
    return planes_first(y, activation).to(kernel.scalar_type());
  });
}

Tensor* rf_from_image(const Tensor* image, const Tensor* k, int kind_of_result) {
  return handed_over([&]() -> Tensor {
    const Tensor &planes = *image, &kernel = *k;
    check(planes, kernel, 1);
    const at::ScalarType kind = static_cast<at::ScalarType>(kind_of_result);
    if (is_cpu_float(planes) && kind != at::kHalf) return FromImage::apply(planes, kernel, kind);
    return planes_first(at::matmul(pixels_first(planes).to(kind), kernel.to(kind)), planes);
  });
}
}
