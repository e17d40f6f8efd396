// Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray 2015, "Fast algorithms for convolutional neural networks",
// section 4.1): with d a tile of 6x6 pixels, g a kernel and y the 4x4 pixels that it gives,
//
//     y = A^T [(G g G^T) . (B^T d B)] A,
//
// 36 products for a tile's 144. Everything is linear, so that the derivatives take the same matrices, transposed.
// Included by kernels.cpp, for each instruction set.

constexpr int64_t kTile = 4, kWindow = 6;

// B^T times six values.
void by_data(const Lanes* __restrict d, int64_t step, Lanes* __restrict v, int64_t to) {
  const Lanes d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
  const Lanes even = d4 - 4.0f * d2, odd = d3 - 4.0f * d1, near = d4 - d2, far = 2.0f * (d3 - d1);
  v[0] = 4.0f * d0 - 5.0f * d2 + d4;
  v[to] = even + odd;
  v[2 * to] = even - odd;
  v[3 * to] = near + far;
  v[4 * to] = near - far;
  v[5 * to] = 4.0f * d1 - 5.0f * d3 + d5;
}

// A^T times six values.
void by_result(const Lanes* __restrict m, int64_t step, Lanes* __restrict y, int64_t to) {
  const Lanes m0 = m[0], m1 = m[step], m2 = m[2 * step], m3 = m[3 * step], m4 = m[4 * step], m5 = m[5 * step];
  const Lanes one = m1 + m2, other = m1 - m2, two = m3 + m4, half = m3 - m4;
  y[0] = m0 + one + two;
  y[to] = other + 2.0f * half;
  y[2 * to] = one + 4.0f * two;
  y[3 * to] = other + 8.0f * half + m5;
}

// A times four values.
void by_result_back(const Lanes* __restrict y, int64_t step, Lanes* __restrict m, int64_t to) {
  const Lanes y0 = y[0], y1 = y[step], y2 = y[2 * step], y3 = y[3 * step];
  const Lanes even = y0 + y2, odd = y1 + y3, far_even = y0 + 4.0f * y2, far_odd = 2.0f * y1 + 8.0f * y3;
  m[0] = y0;
  m[to] = even + odd;
  m[2 * to] = even - odd;
  m[3 * to] = far_even + far_odd;
  m[4 * to] = far_even - far_odd;
  m[5 * to] = y3;
}

// G times three values.
void by_kernel(const Lanes* __restrict g, int64_t step, Lanes* __restrict u, int64_t to) {
  const Lanes g0 = g[0], g1 = g[step], g2 = g[2 * step];
  const Lanes even = (g0 + g2) * (-1.0f / 6), odd = g1 * (1.0f / 6);
  const Lanes far = g0 * (1.0f / 24) + g2 * (1.0f / 6), far_odd = g1 * (1.0f / 12);
  u[0] = g0 * 0.25f;
  u[to] = even - odd;
  u[2 * to] = even + odd;
  u[3 * to] = far + far_odd;
  u[4 * to] = far - far_odd;
  u[5 * to] = g2;
}

// G^T times six values.
void by_kernel_back(const Lanes* __restrict u, int64_t step, Lanes* __restrict g, int64_t to) {
  const Lanes one = u[step] + u[2 * step], other = u[2 * step] - u[step];
  const Lanes two = u[3 * step] + u[4 * step], half = u[3 * step] - u[4 * step];
  g[0] = u[0] * 0.25f - one * (1.0f / 6) + two * (1.0f / 24);
  g[to] = other * (1.0f / 6) + half * (1.0f / 12);
  g[2 * to] = (two - one) * (1.0f / 6) + u[5 * step];
}

// Tiles `first` to `last` of the batch, counted along rows, then images; v has 36 planes [tiles, C].
template <bool kData>
void into_tiles(const Tiles& with, int64_t first, int64_t last) {
  const int64_t across = (with.width + kTile - 1) / kTile, down = (with.height + kTile - 1) / kTile;
  constexpr int64_t side = kData ? kWindow : kTile, before = kData ? 1 : 0;
  for (int64_t tile = first; tile < last; ++tile) {
    const int64_t left = tile % across * kTile - before, top = tile / across % down * kTile - before;
    const float* const image = with.x + tile / (across * down) * with.height * with.width * with.channels;
    grouped(with.channels, [&](int64_t offset, int64_t lanes) {
      Lanes window[side * side], half[kWindow * side], whole[kWindow * kWindow];
      for (int64_t row = 0; row < side; ++row) {
        for (int64_t column = 0; column < side; ++column) {
          const int64_t y = top + row, x = left + column;
          const bool inside = y >= 0 && y < with.height && x >= 0 && x < with.width;
          window[row * side + column] =
              inside ? load(image + (y * with.width + x) * with.channels + offset, lanes) : Lanes{};
        }
      }
      for (int64_t column = 0; column < side; ++column) {
        kData ? by_data(window + column, side, half + column, side)
              : by_result_back(window + column, side, half + column, side);
      }
      for (int64_t row = 0; row < kWindow; ++row) {
        kData ? by_data(half + row * side, 1, whole + row * kWindow, 1)
              : by_result_back(half + row * side, 1, whole + row * kWindow, 1);
      }
      float* const to = with.v + tile * with.channels + offset;
      for (int64_t plane = 0; plane < kWindow * kWindow; ++plane) {
        store(to + plane * with.apart, whole[plane], lanes);
      }
    });
  }
}

// The 4x4 pixels of each tile, as far as they are in the image.
void from_tiles(const Tiles& with, int64_t first, int64_t last) {
  const int64_t across = (with.width + kTile - 1) / kTile, down = (with.height + kTile - 1) / kTile;
  for (int64_t tile = first; tile < last; ++tile) {
    const int64_t left = tile % across * kTile, top = tile / across % down * kTile;
    float* const image = with.y + tile / (across * down) * with.height * with.width * with.channels;
    grouped(with.channels, [&](int64_t offset, int64_t lanes) {
      Lanes whole[kWindow * kWindow], half[kTile * kWindow], result[kTile * kTile];
      const float* const from = with.v + tile * with.channels + offset;
      for (int64_t plane = 0; plane < kWindow * kWindow; ++plane) {
        whole[plane] = load(from + plane * with.apart, lanes);
      }
      for (int64_t column = 0; column < kWindow; ++column) by_result(whole + column, kWindow, half + column, kWindow);
      for (int64_t row = 0; row < kTile; ++row) by_result(half + row * kWindow, 1, result + row * kTile, 1);
      for (int64_t row = 0; row < kTile && top + row < with.height; ++row) {
        for (int64_t column = 0; column < kTile && left + column < with.width; ++column) {
          const int64_t pixel = (top + row) * with.width + left + column;
          store(image + pixel * with.channels + offset, result[row * kTile + column], lanes);
        }
      }
    });
  }
}

// Kernels `first` to `last` of nine numbers each, perhaps by half a turn, to 36 planes.
void kernel_to_tiles(const float* g, bool turned, float* u, int64_t apart, int64_t first, int64_t last) {
  grouped(last - first, [&](int64_t offset, int64_t lanes) {
    float taps[9][kLanes] = {};
    const float* const from = g + (first + offset) * 9;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      for (int64_t tap = 0; tap < 9; ++tap) taps[turned ? 8 - tap : tap][lane] = from[lane * 9 + tap];
    }
    Lanes kernel[9], half[kWindow * 3], whole[kWindow * kWindow];
    for (int64_t tap = 0; tap < 9; ++tap) kernel[tap] = load(taps[tap], kLanes);
    for (int64_t column = 0; column < 3; ++column) by_kernel(kernel + column, 3, half + column, 3);
    for (int64_t row = 0; row < kWindow; ++row) by_kernel(half + row * 3, 1, whole + row * kWindow, 1);
    float* const to = u + first + offset;
    for (int64_t plane = 0; plane < kWindow * kWindow; ++plane) store(to + plane * apart, whole[plane], lanes);
  });
}

void kernel_from_tiles(const float* u, int64_t apart, float* g, int64_t first, int64_t last) {
  grouped(last - first, [&](int64_t offset, int64_t lanes) {
    Lanes whole[kWindow * kWindow], half[3 * kWindow], kernel[9];
    const float* const from = u + first + offset;
    for (int64_t plane = 0; plane < kWindow * kWindow; ++plane) whole[plane] = load(from + plane * apart, lanes);
    for (int64_t column = 0; column < kWindow; ++column) by_kernel_back(whole + column, kWindow, half + column, kWindow);
    for (int64_t row = 0; row < 3; ++row) by_kernel_back(half + row * kWindow, 1, kernel + row * 3, 1);
    float* const to = g + (first + offset) * 9;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      for (int64_t tap = 0; tap < 9; ++tap) to[lane * 9 + tap] = kernel[tap][lane];
    }
  });
}
