// Streams, events, pinned memory and captured graphs of a GPU. All but the graphs go through libtorch's device-neutral
// interface. The graphs are in its CUDA half alone, which is not there when we link: one program serves both builds, so
// their functions are looked up by name when that half is opened.
#include "tensors.h"

#include <dlfcn.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace rimforge {
namespace {

// at::cuda::CUDAGraph by its functions; the engine makes sure that libtorch is the version whose names these are.
struct CudaGraphs {
  // An integer twice; {0, 0} asks for a new pool of memory.
  using Pool = std::pair<unsigned long long, unsigned long long>;
  // cudaStreamCaptureModeGlobal: whatever cannot be captured fails, on any thread.
  static constexpr int kGlobal = 0;

  void (*construct)(void*, bool) = nullptr;
  void (*destroy)(void*) = nullptr;
  void (*begin)(void*, Pool, int) = nullptr;
  void (*end)(void*) = nullptr;
  void (*replay)(void*) = nullptr;
  Pool (*pool)(void*) = nullptr;
  // Begins with the card's name.
  const char* (*properties)(int8_t) = nullptr;
};

CudaGraphs& graphs() {
  static CudaGraphs table;
  return table;
}

template <typename F>
void look_up(void* library, const char* name, F& function) {
  function = reinterpret_cast<F>(dlsym(library, name));
  TORCH_CHECK(function, "libtorch_cuda.so has no ", name);
}

// Room for an at::cuda::CUDAGraph, a few hundred bytes.
struct Graph {
  alignas(64) char storage[4096] = {};
  bool capturing = true;
  // The allocator may still know a recording that did not end as it should: its place is left to it.
  bool failed = false;

  Graph() {
    TORCH_CHECK(graphs().construct, "captured graphs need the CUDA build of libtorch");
    graphs().construct(storage, false);
  }
  ~Graph() {
    if (!failed) graphs().destroy(storage);
  }
  Graph(const Graph&) = delete;
};

c10::impl::VirtualGuardImpl cuda() { return c10::impl::VirtualGuardImpl(c10::DeviceType::CUDA); }
c10::Device on(int index) { return {c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(index)}; }
}  // namespace
}  // namespace rimforge

using namespace rimforge;

extern "C" {

int rf_open_cuda(const char* path) {
  // What deterministic matrix products need, and read from here alone; another value that the user has set stays.
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  // RTLD_GLOBAL: the library registers its kernels with the dispatcher of libtorch_cpu.
  void* const library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  if (!library) {
    const char* reason = dlerror();
    rf_set_last_error(reason ? reason : "dlopen failed without a reason");
    return -1;
  }
  return attempted([&] {
    CudaGraphs found;
    look_up(library, "_ZN2at4cuda9CUDAGraphC1Eb", found.construct);
    look_up(library, "_ZN2at4cuda9CUDAGraphD1Ev", found.destroy);
    look_up(library, "_ZN2at4cuda9CUDAGraph13capture_beginESt4pairIyyE21cudaStreamCaptureMode", found.begin);
    look_up(library, "_ZN2at4cuda9CUDAGraph11capture_endEv", found.end);
    look_up(library, "_ZN2at4cuda9CUDAGraph6replayEv", found.replay);
    look_up(library, "_ZN2at4cuda9CUDAGraph4poolEv", found.pool);
    look_up(library, "_ZN2at4cuda19getDevicePropertiesEa", found.properties);
    graphs() = found;
  });
}

const char* rf_gpu_name(int index) {
  thread_local std::string name;
  const int failed = attempted([&] {
    TORCH_CHECK(graphs().properties, "the CUDA half of libtorch is not open");
    name = graphs().properties(static_cast<int8_t>(index));
  });
  return failed ? nullptr : name.c_str();
}

int rf_gpu_has_bfloat16() {
  bool has = false;
  attempted([&] { has = at::detail::getCUDAHooks().supportsBFloat16ConvolutionWithCuDNNv8(); });
  return has;
}

void rf_set_tuned(int on) { at::globalContext().setBenchmarkCuDNN(on != 0); }

int64_t rf_peak_bytes(int index) {
  int64_t peak = -1;
  attempted([&] {
    const auto stats = at::getDeviceAllocator(c10::DeviceType::CUDA)->getDeviceStats(static_cast<c10::DeviceIndex>(index));
    peak = stats.reserved_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)].peak;
  });
  return peak;
}

void* rf_stream_enter(int index) {
  return made<c10::Stream>([&] {
    // One for good: the memory that the allocator keeps, and the matrix products' workspaces, belong to a stream.
    thread_local std::map<int, c10::Stream> kept;
    const auto guard = cuda();
    const c10::Stream before = guard.getStream(on(index));
    const c10::Stream side = kept.try_emplace(index, guard.getStreamFromGlobalPool(on(index))).first->second;
    // What was made so far is whole before the other stream reads it.
    guard.synchronizeStream(before);
    guard.exchangeStream(side);
    return new c10::Stream(before);
  });
}

int rf_stream_leave(void* handle) {
  const std::unique_ptr<c10::Stream> before(static_cast<c10::Stream*>(handle));
  return attempted([&] {
    const auto guard = cuda();
    guard.synchronizeStream(guard.getStream(before->device()));
    guard.exchangeStream(*before);
  });
}

void* rf_event_new() {
  return made<c10::Event>([] { return new c10::Event(c10::DeviceType::CUDA); });
}

void rf_event_free(void* event) { delete static_cast<c10::Event*>(event); }

int rf_event_record(void* event, int index) {
  return attempted([&] { static_cast<c10::Event*>(event)->record(cuda().getStream(on(index))); });
}

int rf_event_wait(const void* event) {
  return attempted([&] { static_cast<const c10::Event*>(event)->synchronize(); });
}

void* rf_pinned_like(const void* tensor) {
  return handed_over([&]() -> Tensor {
    const Tensor& like = *static_cast<const Tensor*>(tensor);
    const auto options = at::TensorOptions().dtype(like.scalar_type()).pinned_memory(like.is_cuda());
    return at::empty(like.sizes(), options);
  });
}

int rf_copy_async(const void* to, const void* from) {
  return attempted([&] {
    const at::NoGradGuard no_grad;
    static_cast<const Tensor*>(to)->copy_(*static_cast<const Tensor*>(from), /*non_blocking=*/true);
  });
}

void* rf_graph_begin(const uint64_t* pool) {
  auto graph = std::unique_ptr<Graph>(made<Graph>([] { return new Graph; }));
  if (!graph) return nullptr;
  const int failed = attempted([&] {
    // A recording cannot give back what the steps before it have left in the cache, and needs as much again.
    const auto guard = cuda();
    const c10::Device device = guard.getDevice();
    guard.synchronizeStream(guard.getStream(device));
    at::getDeviceAllocator(c10::DeviceType::CUDA)->emptyCache();
    graphs().begin(graph->storage, {pool[0], pool[1]}, CudaGraphs::kGlobal);
  });
  Graph* const begun = graph.release();
  if (!failed) return begun;
  begun->failed = true;
  return nullptr;
}

int rf_graph_end(void* handle, uint64_t* pool) {
  return attempted([&] {
    Graph* const graph = static_cast<Graph*>(handle);
    graph->capturing = false;
    graph->failed = true;
    graphs().end(graph->storage);
    graph->failed = false;
    std::tie(pool[0], pool[1]) = graphs().pool(graph->storage);
  });
}

int rf_graph_replay(void* graph) {
  return attempted([&] { graphs().replay(static_cast<Graph*>(graph)->storage); });
}

void rf_graph_free(void* handle) {
  std::unique_ptr<Graph> graph(static_cast<Graph*>(handle));
  // Work that failed half-way leaves the stream capturing; ending it may fail, too.
  if (graph->capturing) graph->failed = attempted([&] { graphs().end(graph->storage); }) != 0;
  if (graph->failed) graph.release();
}
}
