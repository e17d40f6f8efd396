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
// The file that it was loaded from, or nullptr.
const char* rf_loaded_from();
// "AVX512", "AVX2", "DEFAULT"...: what ATen's CPU kernels use.
const char* rf_cpu_capability();

void rf_set_deterministic(int on);
void rf_set_allow_tf32(int on);
// Denormals cost a factor of ten on the CPU once activations die out.
int rf_set_flush_denormal(int on);

// accelerator.cpp; what returns int is 0, or -1 on failure. `index` is a GPU's.
// Opens libtorch_cuda.so beside libtorch_cpu.so.
int rf_open_cuda(const char* path);
// The card's name, or nullptr.
const char* rf_gpu_name(int index);
// Whether the current GPU has bfloat16 convolutions.
int rf_gpu_has_bfloat16();
// Lets cuDNN try its convolutions on each new shape and keep the fastest.
void rf_set_tuned(int on);
// Most bytes of GPU memory taken so far; -1 where that is not known.
int64_t rf_peak_bytes(int index);
// Moves this thread's work to a stream of its own; what is returned is for rf_stream_leave, which waits for it and moves back.
void* rf_stream_enter(int index);
int rf_stream_leave(void* handle);
// A mark in this thread's stream.
void* rf_event_new();
void rf_event_free(void* event);
int rf_event_record(void* event, int index);
int rf_event_wait(const void* event);
// A new host tensor of like shape and kind, in memory that the GPU reads and writes by itself where `tensor` is on one.
void* rf_pinned_like(const void* tensor);
// Copies without waiting.
int rf_copy_async(const void* to, const void* from);
// Until rf_graph_end, what this thread launches is recorded, not run. `pool` names the memory that graphs share which are never
// under way together: {0, 0} before the first of them has ended.
void* rf_graph_begin(const uint64_t* pool);
int rf_graph_end(void* graph, uint64_t* pool);
int rf_graph_replay(void* graph);
void rf_graph_free(void* graph);

// operations.cpp
// Whether this thread uses the kernels where they fit; returns whether it did.
int rf_use_kernels(int on);
// The names of the operations that this thread asks for from the one call to the other, a line each.
void rf_watch_operations();
const char* rf_watched_operations();

// Tensors are at::Tensor pointers as tch holds them; a result is a new one, or nullptr on failure. On the CPU results lie
// channels-last where they are activations. All can be differentiated twice, unless it says once.

// activation.cpp
// clamp(lrelu(x * scale + (bias + noise * strength) * gain), bound) with slope 0.2; all but x may be null, noise and strength
// together; the bound may be infinite.
void* rf_styled_activation(const void* x, const void* scale, const void* bias, const void* noise, const void* strength,
                           double gain, double bound);
// x [N, C, H, W] times scale [N, C].
void* rf_scale_channels(const void* x, const void* scale);

// convolution.cpp
// x [N, I, H, W], weight [O, I, k, k] times `gain`; the result is of x's kind, whatever the weight's.
void* rf_convolution(const void* x, const void* weight, double gain, int64_t stride, int64_t padding);
// x [N, I, H, W], weight [I, O, k, k] times `gain`.
void* rf_transposed_convolution(const void* x, const void* weight, double gain, int64_t stride, int64_t padding);
// x [N, I] times the transposed weight [O, I] and `gain`, plus bias [O] times `bias_gain`.
void* rf_linear(const void* x, const void* weight, const void* bias, double gain, double bias_gain);

// pixel_mix.cpp
// x [N, C, H, W], k [N or 1, J, C] -> image [N, J, H, W], float32.
void* rf_to_image(const void* x, const void* k);
// image [N, J, H, W], k [N or 1, J, C] -> [N, C, H, W] of scalar type `kind`.
void* rf_from_image(const void* image, const void* k, int kind);

// perceptual.cpp; these can be differentiated once
// x [N, C, H, W] -> [N, H W C]: each pixel's vector at unit length, divided by the root of the number of pixels.
void* rf_unit_features(const void* x);
// [N, F] and [N, F] -> [N]: sum of squared differences.
void* rf_squared_distance(const void* a, const void* b);

// optimiser.cpp
// One step of Adam on values, first and second moment of like shape, in place. `rates` [2] are the learning rate over the first
// moment's correction and the root of the second's. Returns the sum of the squared gradient, float64. Not differentiable.
void* rf_adam(const void* values, const void* first, const void* second, const void* gradient, const void* rates, double beta1,
              double beta2, double epsilon);

// resample.cpp
// x [N, C, H, W]; mode: a Resample of kernels.h.
void* rf_low_pass(const void* x, int mode, double gain);
}
