// Streams, events, pinned memory and captured graphs of a GPU. All but the graphs go through libtorch's device-neutral
// interface. The graphs are in its CUDA half alone, which is not there when we link: one program serves both builds, so
// their functions are looked up by name when that half is opened. What an at::cuda::CUDAGraph is, its size and the
// types of its functions, libtorch's own header says, which both builds have; nothing of it is called but by those
// names.
#include "tensors.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>

#include <ATen/Context.h>
#include <ATen/cuda/CUDAGraph.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace rimforge {
namespace {

using at::cuda::CUDAGraph;
// {0, 0} asks for a new pool of memory.
using Pool = c10::MempoolId_t;

// CUDAGraph by its functions. The mangled names hold the types of their arguments, so that another signature is another
// name; the rest is checked here against the header.
struct CudaGraphs {
  static_assert(std::is_same_v<Pool, decltype(std::declval<CUDAGraph&>().pool())>);
  static_assert(std::is_same_v<void (CUDAGraph::*)(Pool, cudaStreamCaptureMode), decltype(&CUDAGraph::capture_begin)>);
  static_assert(std::is_same_v<void (CUDAGraph::*)(), decltype(&CUDAGraph::capture_end)>);
  static_assert(std::is_same_v<void (CUDAGraph::*)(), decltype(&CUDAGraph::replay)>);
  static_assert(std::is_constructible_v<CUDAGraph, bool> && !std::is_polymorphic_v<CUDAGraph>);

  void (*construct)(CUDAGraph*, bool) = nullptr;
  void (*destroy)(CUDAGraph*) = nullptr;
  void (*begin)(CUDAGraph*, Pool, cudaStreamCaptureMode) = nullptr;
  void (*end)(CUDAGraph*) = nullptr;
  void (*replay)(CUDAGraph*) = nullptr;
  Pool (*pool)(CUDAGraph*) = nullptr;
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

c10::impl::VirtualGuardImpl cuda() { return c10::impl::VirtualGuardImpl(c10::DeviceType::CUDA); }
c10::Device on(int index) { return {c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(index)}; }
}  // namespace

// Room for a CUDAGraph as the header has it, and a fence after it. The engine makes sure that the loaded libtorch has
// the header's version; should the object be larger there all the same, its constructor breaks the fence, and we say so
// before it is used.
class Room {
 public:
  template <typename F>
  explicit Room(F&& construct) {
    std::memset(storage_ + sizeof(CUDAGraph), kFence, kFenceBytes);
    construct(graph());
    const auto whole = [](unsigned char byte) { return byte == kFence; };
    TORCH_CHECK(std::all_of(storage_ + sizeof(CUDAGraph), std::end(storage_), whole), "a captured graph of ",
                "libtorch_cuda.so is larger than the ", sizeof(CUDAGraph), " bytes that rimforge was built for");
  }
  Room(const Room&) = delete;

  CUDAGraph* graph() { return reinterpret_cast<CUDAGraph*>(storage_); }

 private:
  static constexpr unsigned char kFence = 0xa5;
  static constexpr size_t kFenceBytes = 1024;

  alignas(CUDAGraph) alignas(std::max_align_t) unsigned char storage_[sizeof(CUDAGraph) + kFenceBytes] = {};
};

struct Graph {
  Room room;
  bool capturing = true;
  // The allocator may still know a recording that did not end as it should: its place is left to it.
  bool failed = false;

  Graph()
      : room([](CUDAGraph* at) {
          TORCH_CHECK(graphs().construct, "captured graphs need the CUDA build of libtorch");
          graphs().construct(at, false);
        }) {}
  ~Graph() {
    if (!failed) graphs().destroy(room.graph());
  }
  Graph(const Graph&) = delete;
};
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

int rf_set_tuned(int on) {
  return attempted([&] { at::globalContext().setBenchmarkCuDNN(on != 0); });
}

int64_t rf_peak_bytes(int index) {
  int64_t peak = -1;
  attempted([&] {
    auto* const allocator = at::getDeviceAllocator(c10::DeviceType::CUDA);
    const auto stats = allocator->getDeviceStats(static_cast<c10::DeviceIndex>(index));
    peak = stats.reserved_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)].peak;
  });
  return peak;
}

c10::Stream* rf_stream_enter(int index) {
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

int rf_stream_leave(c10::Stream* handle) {
  const std::unique_ptr<c10::Stream> before(handle);
  return attempted([&] {
    const auto guard = cuda();
    guard.synchronizeStream(guard.getStream(before->device()));
    guard.exchangeStream(*before);
  });
}

c10::Event* rf_event_new() {
  return made<c10::Event>([] { return new c10::Event(c10::DeviceType::CUDA); });
}

void rf_event_free(c10::Event* event) { delete event; }

int rf_event_record(c10::Event* event, int index) {
  return attempted([&] { event->record(cuda().getStream(on(index))); });
}

int rf_event_wait(const c10::Event* event) {
  return attempted([&] { event->synchronize(); });
}

Tensor* rf_pinned_like(const Tensor* tensor) {
  return handed_over([&]() -> Tensor {
    const Tensor& like = *tensor;
    const auto options = at::TensorOptions().dtype(like.scalar_type()).pinned_memory(like.is_cuda());
    return at::empty(like.sizes(), options);
  });
}

int rf_copy_async(const Tensor* to, const Tensor* from) {
  return attempted([&] {
    const at::NoGradGuard no_grad;
    to->copy_(*from, /*non_blocking=*/true);
  });
}

Graph* rf_graph_begin(const uint64_t* pool) {
  auto graph = std::unique_ptr<Graph>(made<Graph>([] { return new Graph; }));
  if (!graph) return nullptr;
  const int failed = attempted([&] {
    // A recording cannot give back what the steps before it have left in the cache, and needs as much again.
    const auto guard = cuda();
    const c10::Device device = guard.getDevice();
    guard.synchronizeStream(guard.getStream(device));
    at::getDeviceAllocator(c10::DeviceType::CUDA)->emptyCache();
    // Global: whatever cannot be captured fails, on any thread.
    graphs().begin(graph->room.graph(), {pool[0], pool[1]}, cudaStreamCaptureModeGlobal);
  });
  Graph* const begun = graph.release();
  if (!failed) return begun;
  begun->failed = true;
  return nullptr;
}

int rf_graph_end(Graph* graph, uint64_t* pool) {
  return attempted([&] {
    graph->capturing = false;
    graph->failed = true;
    graphs().end(graph->room.graph());
    graph->failed = false;
    std::tie(pool[0], pool[1]) = graphs().pool(graph->room.graph());
  });
}

int rf_graph_replay(Graph* graph) {
  return attempted([&] { graphs().replay(graph->room.graph()); });
}

void rf_graph_free(Graph* handle) {
  std::unique_ptr<Graph> graph(handle);
  // Work that failed half-way leaves the stream capturing; ending it may fail, too.
  if (graph->capturing) graph->failed = attempted([&] { graphs().end(graph->room.graph()); }) != 0;
  if (graph->failed) graph.release();
}

int rf_graph_larger_by(int64_t bytes) {
  return attempted([&] {
    const Room room([&](CUDAGraph* at) { std::memset(static_cast<void*>(at), 0, sizeof(CUDAGraph) + bytes); });
  });
}
}
