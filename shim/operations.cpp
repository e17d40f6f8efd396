// What tests ask of libtorch: which operations ran, and that the shim's own kernels stand aside, as on a GPU.
#include "tensors.h"

#include <string>

#include <ATen/record_function.h>

namespace rimforge {
namespace {
thread_local std::string names;
thread_local int depth = 0;
thread_local at::CallbackHandle watching = at::INVALID_CALLBACK_HANDLE;
}  // namespace
}  // namespace rimforge

using namespace rimforge;

extern "C" {

int rf_use_kernels(int on) {
  const bool before = use_kernels();
  use_kernels() = on != 0;
  return before;
}

int rf_watch_operations() {
  return attempted([] {
    names.clear();
    depth = 0;
    at::RecordFunctionCallback callback(
        [](const at::RecordFunction& function) -> std::unique_ptr<at::ObserverContext> {
          // What an operation is made of is its own affair.
          if (depth++ == 0) names.append(function.name()).push_back('\n');
          return nullptr;
        },
        [](const at::RecordFunction&, at::ObserverContext*) { --depth; });
    watching = at::addThreadLocalCallback(callback.scopes({at::RecordScope::FUNCTION}));
  });
}

const char* rf_watched_operations() {
  return attempted([] { at::removeCallback(watching); }) ? nullptr : names.c_str();
}
}
