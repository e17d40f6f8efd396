//! Compiles the C++ shim and leaves the rpath to libtorch in our binaries, so that they run without LD_LIBRARY_PATH.

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=shim/rimforge_shim.cpp");
    println!("cargo:rerun-if-changed=shim/rimforge_shim.h");
    println!("cargo:rerun-if-changed=shim/fused_ops.cpp");
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    // torch-sys (`links = "tch"`) tells where it found libtorch; only direct dependants hear it.
    let Some(lib) = env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else {
        panic!("torch-sys did not say where libtorch is; run `make setup` first");
    };
    let torch = lib.parent().expect("libtorch's lib folder has a parent");

    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .file("shim/rimforge_shim.cpp")
        .file("shim/fused_ops.cpp")
        // libtorch's parallel_for is a header; without OpenMP it would run on one thread.
        .flag("-fopenmp")
        .include("shim")
        // Their headers, not ours to warn about.
        .flag("-isystem")
        .flag(torch.join("include").to_str().expect("libtorch's path is UTF-8"))
        .flag("-isystem")
        .flag(torch.join("include/torch/csrc/api/include").to_str().expect("libtorch's path is UTF-8"))
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        .define("GLOG_USE_GLOG_EXPORT", None)
        .compile("rimforge_shim");

    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.display());
    // The shim calls these directly; without --no-as-needed the linker may drop what only C++ objects use.
    println!("cargo:rustc-link-search=native={}", lib.display());
    println!("cargo:rustc-link-lib=torch_cpu");
    println!("cargo:rustc-link-lib=c10");
    println!("cargo:rustc-link-lib=dl");
    println!("cargo:rustc-link-lib=gomp");
    println!("cargo:rustc-env=RIMFORGE_LIBTORCH_LIB={}", lib.display());
}
