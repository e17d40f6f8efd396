// Length of (x, y) for the whole program: the linker puts these in the place of the C library's (`--wrap`, build.rs).
// glibc gave its own a new version in 2.35, for which alone a program of ours would not start on older systems; and the
// same bits everywhere are worth more than the C library's speed.
//
// In the wider format x * x + y * y neither overflows nor vanishes, and its root is off by less than a thousandth of
// the last place before it is rounded (x86-64: 11 bits more than float64).
#include <cmath>
#include <limits>

namespace {
template <typename Number, typename Wider>
Number length(Number x, Number y) {
  // IEEE 754: an infinite side makes an infinite length, whatever the other is.
  if (std::isinf(x) || std::isinf(y)) return std::numeric_limits<Number>::infinity();
  const Wider a = x, b = y;
  return static_cast<Number>(std::sqrt(a * a + b * b));
}
}  // namespace

extern "C" {
double __wrap_hypot(double x, double y) { return length<double, long double>(x, y); }
float __wrap_hypotf(float x, float y) { return length<float, double>(x, y); }
}
