// A step of Adam in one pass over flat storage.
#include "tensors.h"

namespace rimforge {
namespace {

// Values of one piece of work; sums are added up by pieces, whatever the number of threads.
constexpr int64_t kValues = 16384;

Tensor fused(const Tensor& values, const Tensor& first, const Tensor& second, const Tensor& g, const Tensor& rates,
             double beta1, double beta2, double epsilon) {
  const int64_t count = values.numel(), pieces = (count + kValues - 1) / kValues;
  const Tensor sums = at::empty({pieces}, at::kDouble);
  double* const to = sums.mutable_data_ptr<double>();
  AdamStep step{};
  step.rate = floats(rates)[0];
  step.root_correction = floats(rates)[1];
  step.beta1 = static_cast<float>(beta1);
  step.beta2 = static_cast<float>(beta2);
  step.epsilon = static_cast<float>(epsilon);
  float* const value = values.mutable_data_ptr<float>();
  float* const moment = first.mutable_data_ptr<float>();
  float* const square = second.mutable_data_ptr<float>();
  at::parallel_for(0, pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t at = piece * kValues;
      const int64_t length = std::min(kValues, count - at);
      to[piece] = kernels().adam(step, floats(g) + at, value + at, moment + at, square + at, length);
    }
  });
  return sums.sum();
}
}  // namespace
}  // namespace rimforge

using namespace rimforge;

extern "C" {

Tensor* rf_adam(const Tensor* values, const Tensor* first, const Tensor* second, const Tensor* gradient,
                const Tensor* rates, double beta1, double beta2, double epsilon) {
  return handed_over([&]() -> Tensor {
    const at::NoGradGuard no_grad;
    const Tensor &v = *values, &m = *first, &s = *second, &r = *rates, g = gradient->contiguous();
    const bool alike = m.sizes() == v.sizes() && s.sizes() == v.sizes() && g.sizes() == v.sizes();
    TORCH_CHECK(alike, "gradient of shape ", g.sizes());
    TORCH_CHECK(r.sizes() == at::IntArrayRef({2}), "rates of shape ", r.sizes());
    const bool flat = v.is_contiguous() && m.is_contiguous() && s.is_contiguous();
    if (flat && is_cpu_float(v) && is_cpu_float(m) && is_cpu_float(s) && is_cpu_float(g) && is_cpu_float(r)) {
      return fused(v, m, s, g, r, beta1, beta2, epsilon);
    }
    m.lerp_(g, 1.0 - beta1);
    s.mul_(beta2).addcmul_(g, g, 1.0 - beta2);
    v.sub_(m / (s.sqrt() / r.select(0, 1) + epsilon) * r.select(0, 0));
    return g.square().sum(at::kDouble);
  });
}
}
