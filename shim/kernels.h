// The inner loops of the operations that StyleGAN2 spends its memory traffic on, without libtorch.
//
// Activations lie channels-last: C values of a pixel side by side, pixels in rows, one image after the other. They are
// float32 or bfloat16; factors, biases, noise maps and sums are always float32, and so is the arithmetic.
#pragma once

#include <cstdint>

namespace rimforge {

// clamp(lrelu(x scale + bias bias_gain + noise strength)) over the pixels of one image; null pointers are left out.
struct Activate {
  const void* x;
  const float* scale;  // [C]
  const float* bias;   // [C]
  const float* noise;  // [pixels]
  float bias_gain, strength, slope, bound;
  void* y;
  int64_t channels;
};

// Its derivative by x, and the sums over the pixels that the other derivatives are made of. With d the slope at y,
// which is 1 where y is null: gx = g d scale, sum += g d, sum_x += g d x, shared = g d summed over channels.
struct ActivateBackward {
  const void* g;
  const void* y;
  const void* x;
  const float* scale;
  float slope, bound;
  void* gx;
  float* sum;     // [C]
  float* sum_x;   // [C], with x
  float* shared;  // [pixels]
  int64_t channels;
};

// The derivative of that, given those u of gx, a of sum, b of sum_x and s of shared:
// dg = d (u scale + a + b x + s), dx = g d b, dscale += g d u.
struct ActivateSecond {
  const void* g;
  const void* y;
  const void* x;
  const float* scale;
  float slope, bound;
  const void* u;
  const float* a;  // [C]
  const float* b;  // [C]
  const float* s;  // [pixels]
  void* dg;
  void* dx;
  float* dscale;  // [C]
  int64_t channels;
};

// The filter [1, 3, 3, 1] / 8 in both directions; what lies outside the image is zero.
enum class Resample : int {
  Grow = 0,    // H -> H + 1, padded by 2 on both sides
  Shrink = 1,  // H -> H - 1, padded by 1
  Halve = 2,   // H -> H / 2, padded by 1, every second pixel
  Double = 3,  // H -> 2 H, zeros between the pixels
};

// Internal to each file that reads this: what is compiled for one instruction set must not end up in another's place.
static inline int64_t resampled(Resample mode, int64_t side) {
  switch (mode) {
    case Resample::Grow:
      return side + 1;
    case Resample::Shrink:
      return side - 1;
    case Resample::Halve:
      return side / 2;
    default:
      return side * 2;
  }
}

// Rows of one filtered image.
struct LowPass {
  const void* x;  // [height, width, C]
  void* y;
  int64_t height, width, channels;
  Resample mode;
  float gain;
  float* row;  // scratch, [width + 4, C]
};

// Between an activation and an image of few channels J, each a plane of float32, with a kernel k [J, C]; one image.
struct Mix {
  const void* x;       // [pixels, C]
  void* y;             // [pixels, C]
  const float* image;  // [J, plane]
  float* to_image;     // [J, plane]
  const float* k;      // [J, C]
  float* sum;          // [J, C]
  int64_t channels, planes, plane;
};

// A batch of images, or what is computed from its tiles of 4x4 pixels; see tiles.inl.
struct Tiles {
  const float* x;  // [N, height, width, C], read
  float* y;        // the same, written
  float* v;        // [36, tiles, C], planes `apart` numbers from each other
  int64_t height, width, channels, apart;
};

// One step of Adam (Kingma and Ba 2015, algorithm 1).
struct AdamStep {
  float rate;             // learning rate / (1 - beta1^t)
  float root_correction;  // sqrt(1 - beta2^t)
  float beta1, beta2, epsilon;
};

// One entry for each element type: 0 float32, 1 bfloat16.
struct Kernels {
  void (*activate[2])(const Activate&, int64_t pixels);
  void (*activate_backward[2])(const ActivateBackward&, int64_t pixels);
  void (*activate_second[2])(const ActivateSecond&, int64_t pixels);
  void (*low_pass[2])(const LowPass&, int64_t first_row, int64_t last_row);
  // to_image[j, p] = sum over c of k[j, c] x[p, c]
  void (*mix_to_image[2])(const Mix&, int64_t pixels);
  // y[p, c] = sum over j of k[j, c] image[j, p]
  void (*mix_from_image[2])(const Mix&, int64_t pixels);
  // sum[j, c] += sum over p of image[j, p] x[p, c]
  void (*mix_kernel[2])(const Mix&, int64_t pixels);
  // y = x factor / |x| for the float32 vector of C values at each pixel.
  void (*unit)(const float* x, float factor, float* y, int64_t channels, int64_t pixels);
  // Its derivative, given that g of y.
  void (*unit_backward)(const float* g, const float* x, float factor, float* gx, int64_t channels, int64_t pixels);
  // Sum of (a - b)^2, and its derivative 2 g (a - b).
  double (*squares)(const float* a, const float* b, int64_t count);
  void (*squares_backward)(const float* a, const float* b, float g, float* ga, int64_t count);
  // Moves values against the gradient g and updates both moments; returns the sum of g^2.
  double (*adam)(const AdamStep&, const float* g, float* values, float* first, float* second, int64_t count);
  // to[i] = from[i] gain, from float32 and to float32.
  void (*from_float[2])(const float* from, float gain, void* to, int64_t count);
  void (*to_float[2])(const void* from, float gain, float* to, int64_t count);
  // Tiles from `first` to `last`: windows of x, or of a derivative by the result, to v; v to y.
  void (*data_to_tiles)(const Tiles&, int64_t first, int64_t last);
  void (*result_to_tiles)(const Tiles&, int64_t first, int64_t last);
  void (*from_tiles)(const Tiles&, int64_t first, int64_t last);
  // Kernels from `first` to `last`, nine numbers each, to 36 planes `apart` numbers from each other; of the derivative,
  // back. `turned` turns them by half a turn.
  void (*kernel_to_tiles)(const float* g, bool turned, float* u, int64_t apart, int64_t first, int64_t last);
  void (*kernel_from_tiles)(const float* u, int64_t apart, float* g, int64_t first, int64_t last);
};

// Those for the instruction set of this machine.
const Kernels& kernels();

}  // namespace rimforge
