// Compiled once for each instruction set, which the build script names in RIMFORGE_ISA.
#include "kernels.h"

#include <cstring>

namespace rimforge::RIMFORGE_ISA {
namespace {

// Sixteen lanes; the compiler splits them where registers are narrower.
typedef float Lanes __attribute__((vector_size(64)));
typedef uint32_t Bits __attribute__((vector_size(64)));
typedef uint16_t Halves __attribute__((vector_size(32)));
constexpr int64_t kLanes = 16;

struct BFloat16 {
  uint16_t bits;
};

Lanes splat(float value) { return value - Lanes{}; }

Lanes widen(Halves halves) { return (Lanes)(__builtin_convertvector(halves, Bits) << 16); }

// To the nearest, ties to even; not-a-number stays one.
Halves narrow(Lanes lanes) {
  const Bits bits = (Bits)lanes;
  const Bits rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return __builtin_convertvector(lanes == lanes ? rounded : (bits >> 16 | 0x40u), Halves);
}

// `count` lanes from memory, the rest zero.
Lanes load(const float* from, int64_t count) {
  Lanes lanes{};
  if (count == kLanes) {
    std::memcpy(&lanes, from, sizeof lanes);
  } else {
    std::memcpy(&lanes, from, count * sizeof *from);
  }
  return lanes;
}

Lanes load(const BFloat16* from, int64_t count) {
  Halves halves{};
  if (count == kLanes) {
    std::memcpy(&halves, from, sizeof halves);
  } else {
    std::memcpy(&halves, from, count * sizeof *from);
  }
  return widen(halves);
}

void store(float* to, Lanes lanes, int64_t count) {
  if (count == kLanes) {
    std::memcpy(to, &lanes, sizeof lanes);
  } else {
    std::memcpy(to, &lanes, count * sizeof *to);
  }
}

void store(BFloat16* to, Lanes lanes, int64_t count) {
  const Halves halves = narrow(lanes);
  if (count == kLanes) {
    std::memcpy(to, &halves, sizeof halves);
  } else {
    std::memcpy(to, &halves, count * sizeof *to);
  }
}

void add_to(float* to, Lanes lanes, int64_t count) { store(to, load(to, count) + lanes, count); }

float total(Lanes lanes) {
  typedef float Eight __attribute__((vector_size(32)));
  typedef float Four __attribute__((vector_size(16)));
  Eight eight[2];
  std::memcpy(eight, &lanes, sizeof lanes);
  eight[0] += eight[1];
  Four four[2];
  std::memcpy(four, eight, sizeof *eight);
  four[0] += four[1];
  return (four[0][0] + four[0][2]) + (four[0][1] + four[0][3]);
}

// Calls body(offset, count) for groups of up to sixteen channels.
template <typename F>
void grouped(int64_t channels, F&& body) {
  int64_t offset = 0;
  for (; offset + kLanes <= channels; offset += kLanes) body(offset, kLanes);
  if (offset < channels) body(offset, channels - offset);
}

Lanes slope_at(Lanes y, float slope, float bound) {
  const Lanes below = splat(slope), one = splat(1.0f), limit = splat(bound);
  const Lanes size = y < 0.0f ? -y : y;
  return size < limit ? (y > 0.0f ? one : below) : Lanes{};
}

template <typename T>
void activate(const Activate& with, int64_t pixels) {
  const int64_t channels = with.channels;
  const Lanes slope = splat(with.slope), bound = splat(with.bound);
  const float* const noise = with.noise;
  const float strength = with.strength;
  grouped(channels, [&](int64_t at, int64_t count) {
    const T* x = static_cast<const T*>(with.x) + at;
    T* y = static_cast<T*>(with.y) + at;
    const Lanes scale = with.scale ? load(with.scale + at, count) : splat(1.0f);
    const Lanes bias = with.bias ? load(with.bias + at, count) * with.bias_gain : Lanes{};
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      const int64_t row = pixel * channels;
      Lanes v = load(x + row, count) * scale + bias;
      if (noise) v += noise[pixel] * strength;
      v = v > 0.0f ? v : v * slope;
      v = v > bound ? bound : v;
      store(y + row, v < -bound ? -bound : v, count);
    }
  });
}

// Channels outside, so that the sums over pixels stay in registers.
template <typename T>
void activate_backward(const ActivateBackward& with, int64_t pixels) {
  const int64_t channels = with.channels;
  const float slope = with.slope, bound = with.bound;
  float* const shared = with.shared;
  if (shared) std::memset(shared, 0, pixels * sizeof(float));
  grouped(channels, [&](int64_t at, int64_t count) {
    const T* g = static_cast<const T*>(with.g) + at;
    const T* y = with.y ? static_cast<const T*>(with.y) + at : nullptr;
    const T* x = with.sum_x ? static_cast<const T*>(with.x) + at : nullptr;
    T* gx = with.gx ? static_cast<T*>(with.gx) + at : nullptr;
    const Lanes scale = with.scale ? load(with.scale + at, count) : splat(1.0f);
    Lanes sum{}, sum_x{};
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      const int64_t row = pixel * channels;
      Lanes m = load(g + row, count);
      if (y) m *= slope_at(load(y + row, count), slope, bound);
      if (gx) store(gx + row, m * scale, count);
      sum += m;
      if (x) sum_x += m * load(x + row, count);
      if (shared) shared[pixel] += total(m);
    }
    if (with.sum) add_to(with.sum + at, sum, count);
    if (with.sum_x) add_to(with.sum_x + at, sum_x, count);
  });
}

template <typename T>
void activate_second(const ActivateSecond& with, int64_t pixels) {
  const int64_t channels = with.channels;
  const float slope = with.slope, bound = with.bound;
  const float* const shared = with.s;
  grouped(channels, [&](int64_t at, int64_t count) {
    const auto from = [&](const void* base) { return base ? static_cast<const T*>(base) + at : nullptr; };
    const T *g = from(with.g), *y = from(with.y), *u = from(with.u), *x = from(with.b ? with.x : nullptr);
    T* dg = with.dg ? static_cast<T*>(with.dg) + at : nullptr;
    T* dx = with.dx ? static_cast<T*>(with.dx) + at : nullptr;
    const Lanes scale = with.scale ? load(with.scale + at, count) : splat(1.0f);
    const Lanes a = with.a ? load(with.a + at, count) : Lanes{};
    const Lanes b = with.b ? load(with.b + at, count) : Lanes{};
    Lanes dscale{};
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      const int64_t row = pixel * channels;
      const Lanes d = y ? slope_at(load(y + row, count), slope, bound) : splat(1.0f);
      const Lanes into = u ? load(u + row, count) : Lanes{};
      if (dg) {
        Lanes sum = into * scale + a;
        if (x) sum += b * load(x + row, count);
        if (shared) sum += shared[pixel];
        store(dg + row, d * sum, count);
      }
      const Lanes m = d * load(g + row, count);
      if (dx) store(dx + row, m * b, count);
      dscale += m * into;
    }
    if (with.dscale) add_to(with.dscale + at, dscale, count);
  });
}

constexpr float kTaps[4] = {0.125f, 0.375f, 0.375f, 0.125f};

// The sources of output `at` along one axis: `*first` and how many follow, with the first tap and the step between
// taps.
struct Sources {
  int64_t first;
  int count;
  int tap, step;
};

Sources sources(Resample mode, int64_t at) {
  switch (mode) {
    case Resample::Grow:
      return {at - 2, 4, 0, 1};
    case Resample::Shrink:
      return {at - 1, 4, 0, 1};
    case Resample::Halve:
      return {2 * at - 1, 4, 0, 1};
    default:
      // An even output lies between input at/2 - 1 (tap 3) and at/2 (tap 1); an odd one between at/2 (2) and the next
      // (0).
      return at % 2 == 0 ? Sources{at / 2 - 1, 2, 3, -2} : Sources{at / 2, 2, 2, -2};
  }
}

void put(float* to, float x) { *to = x; }

void put(BFloat16* to, float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  to->bits = x == x ? (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16 : bits >> 16 | 0x40u;
}

// Along a row of single values, as of an image's plane: pixels in vectors, where otherwise channels are.
template <typename T>
void across_plane(const float* __restrict row, T* __restrict to, int64_t width, Resample mode) {
  constexpr float a = kTaps[0], b = kTaps[1];
  if (mode == Resample::Double) {
    for (int64_t at = 0; at < width / 2; ++at) {
      put(to + 2 * at, row[at - 1] * a + row[at] * b);
      put(to + 2 * at + 1, row[at] * b + row[at + 1] * a);
    }
  } else if (mode == Resample::Halve) {
    for (int64_t at = 0; at < width; ++at) {
      put(to + at, (row[2 * at - 1] + row[2 * at + 2]) * a + (row[2 * at] + row[2 * at + 1]) * b);
    }
  } else {
    row += mode == Resample::Grow ? -2 : -1;
    for (int64_t at = 0; at < width; ++at) put(to + at, (row[at] + row[at + 3]) * a + (row[at + 1] + row[at + 2]) * b);
  }
}

template <typename T>
void low_pass(const LowPass& with, int64_t first_row, int64_t last_row) {
  const T* x = static_cast<const T*>(with.x);
  T* y = static_cast<T*>(with.y);
  const int64_t channels = with.channels, line = with.width * channels;
  const int64_t width = resampled(with.mode, with.width);
  // Two pixels of zeros on both sides of the row spare the test for the border.
  float* row = with.row + 2 * channels;
  std::memset(with.row, 0, 2 * channels * sizeof(float));
  std::memset(row + line, 0, 2 * channels * sizeof(float));
  for (int64_t out = first_row; out < last_row; ++out) {
    const Sources down = sources(with.mode, out);
    const T* rows[4];
    float taps[4];
    int count = 0;
    for (int source = 0; source < down.count; ++source) {
      const int64_t from = down.first + source;
      if (from < 0 || from >= with.height) continue;
      rows[count] = x + from * line;
      taps[count++] = kTaps[down.tap + source * down.step] * with.gain;
    }
    const auto sum_rows = [&](auto fixed) {
      grouped(line, [&](int64_t at, int64_t lanes) {
        Lanes sum{};
        for (int source = 0; source < (fixed ? fixed : count); ++source) {
          sum += load(rows[source] + at, lanes) * taps[source];
        }
        store(row + at, sum, lanes);
      });
    };
    // Inside the image the number of rows is known when compiling.
    struct Four { constexpr operator int() const { return 4; } };
    struct Two { constexpr operator int() const { return 2; } };
    struct Any { constexpr operator int() const { return 0; } };
    if (count == 4) {
      sum_rows(Four{});
    } else if (count == 2) {
      sum_rows(Two{});
    } else {
      sum_rows(Any{});
    }
    T* to = y + out * width * channels;
    if (channels == 1) {
      across_plane(row, to, width, with.mode);
      continue;
    }
    for (int64_t column = 0; column < width; ++column, to += channels) {
      const Sources across = sources(with.mode, column);
      const float* from = row + across.first * channels;
      if (across.count == 4) {
        grouped(channels, [&](int64_t at, int64_t lanes) {
          const float* here = from + at;
          const Lanes outer = load(here, lanes) + load(here + 3 * channels, lanes);
          const Lanes inner = load(here + channels, lanes) + load(here + 2 * channels, lanes);
          store(to + at, outer * kTaps[0] + inner * kTaps[1], lanes);
        });
      } else {
        const float near = kTaps[across.tap], far = kTaps[across.tap + across.step];
        grouped(channels, [&](int64_t at, int64_t lanes) {
          store(to + at, load(from + at, lanes) * near + load(from + at + channels, lanes) * far, lanes);
        });
      }
    }
  }
}

template <typename T>
void mix_to_image(const Mix& with, int64_t pixels) {
  for (int64_t j = 0; j < with.planes; ++j) {
    const float* const k = with.k + j * with.channels;
    const T* x = static_cast<const T*>(with.x);
    float* const to = with.to_image + j * with.plane;
    for (int64_t pixel = 0; pixel < pixels; ++pixel, x += with.channels) {
      Lanes sum{};
      grouped(with.channels, [&](int64_t at, int64_t count) { sum += load(x + at, count) * load(k + at, count); });
      to[pixel] = total(sum);
    }
  }
}

template <typename T>
void mix_from_image(const Mix& with, int64_t pixels) {
  T* y = static_cast<T*>(with.y);
  for (int64_t pixel = 0; pixel < pixels; ++pixel, y += with.channels) {
    grouped(with.channels, [&](int64_t at, int64_t count) {
      Lanes sum{};
      for (int64_t j = 0; j < with.planes; ++j) {
        sum += load(with.k + j * with.channels + at, count) * with.image[j * with.plane + pixel];
      }
      store(y + at, sum, count);
    });
  }
}

template <typename T>
void mix_kernel(const Mix& with, int64_t pixels) {
  for (int64_t j = 0; j < with.planes; ++j) {
    const float* const image = with.image + j * with.plane;
    grouped(with.channels, [&](int64_t at, int64_t count) {
      const T* const x = static_cast<const T*>(with.x) + at;
      Lanes sum{};
      for (int64_t pixel = 0; pixel < pixels; ++pixel) sum += load(x + pixel * with.channels, count) * image[pixel];
      add_to(with.sum + j * with.channels + at, sum, count);
    });
  }
}

// Keeps the direction of a vector of zeros finite.
constexpr float kSmall = 1e-10f;

void unit(const float* x, float factor, float* y, int64_t channels, int64_t pixels) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel, x += channels, y += channels) {
    Lanes squares{};
    grouped(channels, [&](int64_t at, int64_t count) {
      const Lanes v = load(x + at, count);
      squares += v * v;
    });
    const float inverse = factor / __builtin_sqrtf(total(squares) + kSmall);
    grouped(channels, [&](int64_t at, int64_t count) { store(y + at, load(x + at, count) * inverse, count); });
  }
}

void unit_backward(const float* g, const float* x, float factor, float* gx, int64_t channels, int64_t pixels) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel, g += channels, x += channels, gx += channels) {
    Lanes squares{}, products{};
    grouped(channels, [&](int64_t at, int64_t count) {
      const Lanes v = load(x + at, count);
      squares += v * v;
      products += v * load(g + at, count);
    });
    const float square = total(squares) + kSmall;
    const float inverse = factor / __builtin_sqrtf(square), along = inverse * total(products) / square;
    grouped(channels, [&](int64_t at, int64_t count) {
      store(gx + at, load(g + at, count) * inverse - load(x + at, count) * along, count);
    });
  }
}

double squares(const float* a, const float* b, int64_t count) {
  double sum = 0;
  for (int64_t first = 0; first < count; first += 4096) {
    Lanes part{};
    grouped(count - first < 4096 ? count - first : 4096, [&](int64_t at, int64_t lanes) {
      const Lanes d = load(a + first + at, lanes) - load(b + first + at, lanes);
      part += d * d;
    });
    sum += total(part);
  }
  return sum;
}

void squares_backward(const float* a, const float* b, float g, float* ga, int64_t count) {
  grouped(count, [&](int64_t at, int64_t lanes) {
    store(ga + at, (load(a + at, lanes) - load(b + at, lanes)) * (2 * g), lanes);
  });
}

double adam(const AdamStep& step, const float* __restrict g, float* __restrict values, float* __restrict first,
            float* __restrict second, int64_t count) {
  const AdamStep s = step;
  for (int64_t i = 0; i < count; ++i) {
    first[i] = g[i] + (first[i] - g[i]) * s.beta1;
    second[i] = second[i] * s.beta2 + g[i] * g[i] * (1.0f - s.beta2);
    values[i] -= first[i] / (__builtin_sqrtf(second[i]) / s.root_correction + s.epsilon) * s.rate;
  }
  double sum = 0;
  for (int64_t start = 0; start < count; start += 4096) {
    Lanes part{};
    grouped(count - start < 4096 ? count - start : 4096, [&](int64_t at, int64_t lanes) {
      const Lanes v = load(g + start + at, lanes);
      part += v * v;
    });
    sum += total(part);
  }
  return sum;
}

template <typename T>
void from_float(const float* from, float gain, void* to, int64_t count) {
  const auto group = [&](int64_t at, int64_t lanes) {
    store(static_cast<T*>(to) + at, load(from + at, lanes) * gain, lanes);
  };
  grouped(count, group);
}

template <typename T>
void to_float(const void* from, float gain, float* to, int64_t count) {
  grouped(count, [&](int64_t at, int64_t lanes) {
    store(to + at, load(static_cast<const T*>(from) + at, lanes) * gain, lanes);
  });
}

#include "tiles.inl"

}  // namespace

extern const Kernels table;
const Kernels table = {
    {activate<float>, activate<BFloat16>},
    {activate_backward<float>, activate_backward<BFloat16>},
    {activate_second<float>, activate_second<BFloat16>},
    {low_pass<float>, low_pass<BFloat16>},
    {mix_to_image<float>, mix_to_image<BFloat16>},
    {mix_from_image<float>, mix_from_image<BFloat16>},
    {mix_kernel<float>, mix_kernel<BFloat16>},
    unit,
    unit_backward,
    squares,
    squares_backward,
    adam,
    {from_float<float>, from_float<BFloat16>},
    {to_float<float>, to_float<BFloat16>},
    into_tiles<true>,
    into_tiles<false>,
    from_tiles,
    kernel_to_tiles,
    kernel_from_tiles,
};

}  // namespace rimforge::RIMFORGE_ISA
