// C interface to the few libtorch facilities that tch does not bind.
// Every function that can fail returns nullptr or a negative number and leaves a message for rf_last_error.
#pragma once
#include <cstddef>
#include <cstdint>

extern "C" {
// Message of the last failure on this thread; valid until the next call.
const char* rf_last_error();
void rf_set_last_error(const char* message);

// Version that the shim was compiled against, e.g. "2.11.0".
const char* rf_compiled_version();
// Version of the library that is loaded: major << 56 | minor << 48 | patch << 40.
uint64_t rf_loaded_version();
// "AVX512", "AVX2", "DEFAULT"...: what ATen's CPU kernels use.
const char* rf_cpu_capability();

// Opens libtorch_cuda.so beside libtorch_cpu.so; 0 where that worked, 1 where there is none, -1 on failure.
int rf_open_cuda(const char* path);

void rf_set_deterministic(int on);
void rf_set_allow_tf32(int on);
// Denormals cost a factor of ten on the CPU once activations die out.
int rf_set_flush_denormal(int on);

// fused_ops.cpp. Tensors are at::Tensor pointers as tch holds them; the result is a new one, or nullptr on failure.
// clamp(lrelu(x * scale + bias + noise * strength), bound) with slope 0.2; all but x may be null, the bound infinite.
void* rf_styled_activation(const void* x, const void* scale, const void* bias, const void* noise, const void* strength,
                           double bound);
// x [N, C, H, W] times scale [N, C].
void* rf_scale_channels(const void* x, const void* scale);
}
