// Processes that compute together on a card each: NCCL's C interface, looked up by name, since it is there only beside
// the CUDA build of libtorch. Types and numbers are those of nccl.h, which have been the same since NCCL 2.4; what is
// exchanged is bytes, in the order of the processes, so that whoever adds them up does so in an order of his own.
#include "tensors.h"

#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>

#include <c10/core/DeviceGuard.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace rimforge {
namespace {

constexpr int kSuccess = 0, kInProgress = 7;
constexpr int kUint8 = 1;
constexpr size_t kIdBytes = 128;

// Passed by value, as NCCL does.
struct Id {
  char bytes[kIdBytes];
};

struct Nccl {
  int (*version)(int*) = nullptr;
  int (*unique_id)(Id*) = nullptr;
  int (*init)(void**, int, Id, int) = nullptr;
  int (*all_gather)(const void*, void*, size_t, int, void*, void*) = nullptr;
  int (*async_error)(void*, int*) = nullptr;
  int (*abort)(void*) = nullptr;
  const char* (*error_text)(int) = nullptr;
};

Nccl& nccl() {
  static Nccl table;
  return table;
}

template <typename F>
void find(void* library, const char* name, F& function) {
  function = reinterpret_cast<F>(dlsym(library, name));
  TORCH_CHECK(function, "NCCL has no ", name);
}

void require(int code, const char* doing) {
  TORCH_CHECK(code == kSuccess, doing, ": NCCL says \"", nccl().error_text(code), "\"");
}

c10::impl::VirtualGuardImpl any_card() { return c10::impl::VirtualGuardImpl(c10::DeviceType::CUDA); }
}  // namespace

struct Cards {
  void* communicator = nullptr;
  int size = 0;

  Cards() = default;
  Cards(const Cards&) = delete;
  ~Cards() { leave(); }

  // Each exchange was waited for, so that nothing is cut off; to end in an orderly way would wait for the others, who
  // may have gone.
  void leave() {
    if (communicator) nccl().abort(communicator);
    communicator = nullptr;
  }
};
}  // namespace rimforge

using rimforge::attempted;
using rimforge::Cards;
using rimforge::nccl;
using rimforge::require;

extern "C" {

int rf_nccl_open(const char* beside) {
  int version = -1;
  attempted([&] {
    // The one that libtorch_cuda.so has brought along; two in one process would not know of each other.
    void* library = dlopen("libnccl.so.2", RTLD_NOW | RTLD_NOLOAD);
    if (!library) library = dlopen(beside, RTLD_NOW | RTLD_LOCAL);
    std::string reason;
    if (!library) {
      reason = dlerror();
      library = dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
    }
    TORCH_CHECK(library, "NCCL cannot be opened: ", reason);
    rimforge::Nccl found;
    rimforge::find(library, "ncclGetVersion", found.version);
    rimforge::find(library, "ncclGetUniqueId", found.unique_id);
    rimforge::find(library, "ncclCommInitRank", found.init);
    rimforge::find(library, "ncclAllGather", found.all_gather);
    rimforge::find(library, "ncclCommGetAsyncError", found.async_error);
    rimforge::find(library, "ncclCommAbort", found.abort);
    rimforge::find(library, "ncclGetErrorString", found.error_text);
    nccl() = found;
    int number = 0;
    require(found.version(&number), "asking for the version");
    version = number;
  });
  return version;
}

int rf_nccl_id(uint8_t* id) {
  return attempted([&] {
    TORCH_CHECK(nccl().unique_id, "NCCL is not open");
    rimforge::Id made{};
    require(nccl().unique_id(&made), "making an id");
    std::memcpy(id, made.bytes, rimforge::kIdBytes);
  });
}

Cards* rf_cards_new(const uint8_t* id, int rank, int size, int index) {
  return rimforge::made<Cards>([&] {
    TORCH_CHECK(nccl().init, "NCCL is not open");
    rimforge::Id given{};
    std::memcpy(given.bytes, id, rimforge::kIdBytes);
    auto cards = std::make_unique<Cards>();
    cards->size = size;
    // NCCL takes the card that is current.
    const c10::DeviceGuard card(c10::Device(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(index)));
    require(nccl().init(&cards->communicator, size, given, rank), "joining the other cards");
    return cards.release();
  });
}

void rf_cards_free(Cards* cards) { delete cards; }

int rf_cards_gather(Cards* cards, const Tensor* own, const Tensor* all, int wait_s) {
  const int failed = attempted([&] {
    TORCH_CHECK(cards->communicator, "the cards have parted");
    const Tensor given = own->detach().contiguous();
    TORCH_CHECK(given.is_cuda() && all->device() == given.device() && all->is_contiguous() &&
                    all->nbytes() == given.nbytes() * static_cast<size_t>(cards->size),
                "no room for what the cards have");
    const c10::DeviceGuard card(given.device());
    // Whatever made the tensor, and will read the result, is in this stream's order.
    const c10::Stream stream = rimforge::any_card().getStream(given.device());
    require(nccl().all_gather(given.data_ptr(), all->data_ptr(), given.nbytes(), rimforge::kUint8,
                              cards->communicator, stream.native_handle()),
            "exchanging tensors");
    c10::Event done(c10::DeviceType::CUDA);
    done.record(stream);
    // Not done blindly: a card whose process has died would be waited for by a kernel that never ends.
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(wait_s);
    while (!done.query()) {
      int code = rimforge::kSuccess;
      require(nccl().async_error(cards->communicator, &code), "looking after an exchange");
      if (code != rimforge::kInProgress) require(code, "exchanging tensors");
      TORCH_CHECK(std::chrono::steady_clock::now() < limit, "no answer of another card within ", wait_s, " s");
      std::this_thread::yield();
    }
  });
  // Ends the kernel that may still wait for the others.
  if (failed) cards->leave();
  return failed;
}

int rf_use_card(int index) {
  return attempted([&] {
    rimforge::any_card().setDevice(c10::Device(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(index)));
  });
}
}
