// C interface to the few libtorch facilities that tch does not bind.
// Every function that can fail returns nullptr or a negative number and leaves a message for rf_last_error; no
// exception leaves one.
#pragma once
#include <cstddef>
#include <cstdint>

namespace at {
class Tensor;
}
namespace c10 {
class Stream;
struct Event;
}  // namespace c10
namespace rimforge {
struct Cards;
struct Graph;
struct Group;
}
using at::Tensor;

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

// These hold for the whole process, but the last, which holds for this thread and those that libtorch starts after it.
int rf_set_deterministic(int on);
int rf_set_allow_tf32(int on);
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
int rf_set_tuned(int on);
// Most bytes of GPU memory taken so far; -1 where that is not known.
int64_t rf_peak_bytes(int index);
// Moves this thread's work to a stream of its own; what is returned is for rf_stream_leave, which waits for it and
// moves back.
c10::Stream* rf_stream_enter(int index);
int rf_stream_leave(c10::Stream* before);
// A mark in this thread's stream.
c10::Event* rf_event_new();
void rf_event_free(c10::Event* event);
int rf_event_record(c10::Event* event, int index);
int rf_event_wait(const c10::Event* event);
// A new host tensor of like shape and kind, in memory that the GPU reads and writes by itself where `tensor` is on one.
Tensor* rf_pinned_like(const Tensor* tensor);
// Copies without waiting.
int rf_copy_async(const Tensor* to, const Tensor* from);
// Until rf_graph_end, what this thread launches is recorded, not run. `pool` names the memory that graphs share which
// are never under way together: {0, 0} before the first of them has ended.
rimforge::Graph* rf_graph_begin(const uint64_t* pool);
int rf_graph_end(rimforge::Graph* graph, uint64_t* pool);
int rf_graph_replay(rimforge::Graph* graph);
void rf_graph_free(rimforge::Graph* graph);

// operations.cpp
// Whether this thread uses the kernels where they fit; returns whether it did.
int rf_use_kernels(int on);
// The names of the operations that this thread asks for from the one call to the other, a line each.
int rf_watch_operations();
const char* rf_watched_operations();
// Whether a captured graph is refused whose constructor writes `bytes` more than libtorch's headers give it: 0 where it
// is taken, -1 where it is refused.
int rf_graph_larger_by(int64_t bytes);

// Tensors are pointers as tch holds them; a result is a new one, or nullptr on failure. On the CPU results lie
// channels-last where they are activations. All can be differentiated twice, unless it says once.

// activation.cpp
// clamp(lrelu(x * scale + (bias + noise * strength) * gain), bound) with slope 0.2; all but x may be null, noise and
// strength together; the bound may be infinite.
Tensor* rf_styled_activation(const Tensor* x, const Tensor* scale, const Tensor* bias, const Tensor* noise,
                             const Tensor* strength, double gain, double bound);
// x [N, C, H, W] times scale [N, C].
Tensor* rf_scale_channels(const Tensor* x, const Tensor* scale);

// convolution.cpp
// x [N, I, (D,) H, W], weight [O, I, (k,) k, k] times `gain`; the result is of x's kind, whatever the weight's.
Tensor* rf_convolution(const Tensor* x, const Tensor* weight, double gain, int64_t stride, int64_t padding);
// x [N, I, (D,) H, W], weight [I, O, (k,) k, k] times `gain`.
Tensor* rf_transposed_convolution(const Tensor* x, const Tensor* weight, double gain, int64_t stride, int64_t padding);
// x [N, I] times the transposed weight [O, I] and `gain`, plus bias [O] times `bias_gain`.
Tensor* rf_linear(const Tensor* x, const Tensor* weight, const Tensor* bias, double gain, double bias_gain);

// pixel_mix.cpp
// x [N, C, H, W], k [N or 1, J, C] -> image [N, J, H, W], float32.
Tensor* rf_to_image(const Tensor* x, const Tensor* k);
// image [N, J, H, W], k [N or 1, J, C] -> [N, C, H, W] of scalar type `kind`.
Tensor* rf_from_image(const Tensor* image, const Tensor* k, int kind);

// perceptual.cpp; these can be differentiated once
// x [N, C, H, W] -> [N, H W C]: each pixel's vector at unit length, divided by the root of the number of pixels.
Tensor* rf_unit_features(const Tensor* x);
// [N, F] and [N, F] -> [N]: sum of squared differences.
Tensor* rf_squared_distance(const Tensor* a, const Tensor* b);

// optimiser.cpp
// One step of Adam on values, first and second moment of like shape, in place. `rates` [2] are the learning rate over
// the first moment's correction and the root of the second's. Returns the sum of the squared gradient, float64. Not
// differentiable.
Tensor* rf_adam(const Tensor* values, const Tensor* first, const Tensor* second, const Tensor* gradient,
                const Tensor* rates, double beta1, double beta2, double epsilon);

// winograd.cpp: whether this process may compute convolutions in tiles, as it does from the start.
void rf_set_tiles(int on);
int rf_has_tiles();

// group.cpp; -1, or null, on failure.
// Joins `size` processes as number `rank`, found by a table that the first keeps at host:port (`serves`), or that a
// launcher keeps there; `prefix` tells the table's users apart. Waits connect_s seconds for the table and the others.
rimforge::Group* rf_group_new(const char* host, int port, int rank, int size, int serves, const char* prefix,
                              int connect_s);
void rf_group_free(rimforge::Group* group);
// Everyone's `own`, of like shape and kind, into the tensors `all`, one a process by rank; all of the CPU. Who does not
// come within wait_ms milliseconds is a failure.
int rf_group_gather(const rimforge::Group* group, const Tensor* own, const Tensor* const* all, int wait_ms);
// The bytes that process 0 has, to all others by way of the table, under a name that is used once.
int rf_group_tell(const rimforge::Group* group, const char* name, uint8_t* bytes, int64_t count);

// cards.cpp
// Opens NCCL: what is loaded already, else the file `beside`, else what the system has. Its version, such as 22809, or
// -1.
int rf_nccl_open(const char* beside);
// Fills 128 bytes by which cards find each other.
int rf_nccl_id(uint8_t* id);
// Joins `size` cards as number `rank` with the card `index`; null on failure. Waits for all of them.
rimforge::Cards* rf_cards_new(const uint8_t* id, int rank, int size, int index);
void rf_cards_free(rimforge::Cards* cards);
// Everyone's `own`, of like bytes, side by side into `all`, by rank; on the card, in the order of this thread's stream,
// and waited for, wait_s seconds at most. After a failure the cards have parted.
int rf_cards_gather(rimforge::Cards* cards, const Tensor* own, const Tensor* all, int wait_s);
// This thread's current card.
int rf_use_card(int index);

// resample.cpp
// x [N, C, H, W]; mode: a Resample of kernels.h.
Tensor* rf_low_pass(const Tensor* x, int mode, double gain);
}
