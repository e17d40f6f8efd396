// Processes that train one network together: what libtorch calls a process group, over Gloo, on CPUs.
#define USE_C10D_GLOO
#include "tensors.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <c10/util/Logging.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

namespace rimforge {
struct Group {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> processes;
  int rank;
  int size;
};
}  // namespace rimforge

using rimforge::attempted;
using rimforge::Group;

Group* rf_group_new(const char* host, int port, int rank, int size, int serves, const char* prefix, int connect_s) {
  return rimforge::made<Group>([&] {
    // Of a host that does not answer libtorch prints its own stack; what went wrong is told once, and in words.
    if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr) FLAGS_caffe2_log_level = c10::GLOG_ERROR;
    c10d::TCPStoreOptions options;
    options.port = static_cast<uint16_t>(port);
    options.isServer = serves != 0;
    options.numWorkers = static_cast<size_t>(size);
    // Who is late is waited for where it is first needed: a launcher's own store counts other members than these.
    options.waitWorkers = false;
    options.timeout = std::chrono::seconds(connect_s);
    auto table = c10::make_intrusive<c10d::TCPStore>(host, options);
    c10::intrusive_ptr<c10d::Store> store = c10::make_intrusive<c10d::PrefixStore>(prefix, table);
    const auto mark = [](int of) { return "here/" + std::to_string(of); };
    store->set(mark(rank), std::vector<uint8_t>{1});
    std::vector<std::string> marks;
    for (int other = 0; other < size; ++other) marks.push_back(mark(other));
    store->wait(marks, std::chrono::seconds(connect_s));
    auto how = c10d::ProcessGroupGloo::Options::create_default(std::chrono::seconds(connect_s));
    auto group = std::make_unique<Group>();
    group->processes = c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, size, how);
    group->store = store;
    group->rank = rank;
    group->size = size;
    std::vector<Tensor> first{at::ones({1}, at::kFloat)};
    group->processes->allreduce(first)->wait();
    TORCH_CHECK(first[0].item<float>() == static_cast<float>(size), "the processes do not add up");
    return group.release();
  });
}

void rf_group_free(Group* group) { delete group; }

int rf_group_gather(const Group* group, const Tensor* own, const Tensor* const* all, int wait_ms) {
  return attempted([&] {
    std::vector<std::vector<Tensor>> places(1);
    for (int rank = 0; rank < group->size; ++rank) places[0].push_back(*all[rank]);
    std::vector<Tensor> given{own->detach().contiguous()};
    c10d::AllgatherOptions how;
    how.timeout = std::chrono::milliseconds(wait_ms);
    group->processes->allgather(places, given, how)->wait();
  });
}

int rf_group_tell(const Group* group, const char* name, uint8_t* bytes, int64_t count) {
  return attempted([&] {
    if (group->rank == 0) {
      group->store->set(name, std::vector<uint8_t>(bytes, bytes + count));
      return;
    }
    const std::vector<uint8_t> told = group->store->get(name);
    TORCH_CHECK(told.size() == static_cast<size_t>(count), told.size(), " bytes instead of ", count);
    std::copy(told.begin(), told.end(), bytes);
  });
}
