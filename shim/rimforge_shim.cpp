#include "tensors.h"

#include <dlfcn.h>

#include <string>

#include <ATen/Context.h>
#include <ATen/Version.h>
#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/headeronly/version.h>

namespace {
thread_local std::string last_error;
}  // namespace

extern "C" {

const char* rf_last_error() { return last_error.c_str(); }

void rf_set_last_error(const char* message) {
  try {
    last_error = message;
  } catch (...) {
    // No memory for the reason: an empty one still says that something failed.
    last_error.clear();
  }
}

const char* rf_compiled_version() { return TORCH_VERSION; }

uint64_t rf_loaded_version() { return aoti_torch_abi_version(); }

const char* rf_loaded_from() {
  Dl_info info{};
  return dladdr(reinterpret_cast<const void*>(&aoti_torch_abi_version), &info) ? info.dli_fname : nullptr;
}

const char* rf_cpu_capability() {
  thread_local std::string name;
  return rimforge::attempted([] { name = at::get_cpu_capability(); }) ? nullptr : name.c_str();
}

int rf_set_deterministic(int on) {
  return rimforge::attempted([&] {
    at::globalContext().setDeterministicAlgorithms(on != 0, /*warn_only=*/false);
    at::globalContext().setDeterministicCuDNN(on != 0);
    // The fastest convolution of today's trial may not be that of tomorrow's.
    at::globalContext().setBenchmarkCuDNN(on == 0);
    // libtorch would fill every new tensor, for those who read what nobody wrote.
    at::globalContext().setDeterministicFillUninitializedMemory(false);
  });
}

int rf_set_allow_tf32(int on) {
  return rimforge::attempted([&] {
    at::globalContext().setAllowTF32CuDNN(on != 0);
    at::globalContext().setAllowTF32CuBLAS(on != 0);
  });
}

int rf_set_flush_denormal(int on) {
  return rimforge::attempted([&] {
    TORCH_CHECK(at::globalContext().setFlushDenormal(on != 0), "this CPU cannot treat denormals as zero");
  });
}
}
